//! The passwords we make: one recipe for all systems.

use rand::Rng;

use crate::secrets::Secret;

const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const DIGIT: &[u8] = b"23456789";
const OTHER: &[u8] = b"-_";
const LENGTH: usize = 24;

/// 24 of `[A-Za-z0-9_-]` without `0 O 1 l I`: two of each class, no three alike in a row, not containing the login.
pub fn password(login: &str) -> Secret {
    let mut random = rand::rng();
    loop {
        let text = draw(&mut random);
        if fits(&text, login) {
            return Secret::new(text);
        }
    }
}

fn draw(random: &mut impl Rng) -> String {
    let all: Vec<u8> = [UPPER, LOWER, DIGIT, OTHER].concat();
    (0..LENGTH)
        .map(|_| char::from(all[random.random_range(0..all.len())]))
        .collect()
}

fn fits(text: &str, login: &str) -> bool {
    let bytes = text.as_bytes();
    let enough = |class: &[u8]| bytes.iter().filter(|byte| class.contains(byte)).count() >= 2;
    // A leading dash would be taken for an option by command-line tools.
    [UPPER, LOWER, DIGIT, OTHER].iter().all(|class| enough(class))
        && !text.starts_with('-')
        && !bytes
            .windows(3)
            .any(|three| three[0] == three[1] && three[1] == three[2])
        && (login.is_empty() || !text.to_lowercase().contains(&login.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_password_fits_the_recipe() {
        for _ in 0..500 {
            let secret = password("jit_7c1e_ann_3f9c21ab");
            let text = secret.expose();
            assert_eq!(text.len(), LENGTH);
            assert!(fits(text, ""), "{text}");
            assert!(!text.contains(['0', 'O', '1', 'l', 'I']), "{text}");
        }
    }

    #[test]
    fn the_login_is_not_in_it() {
        assert!(!fits("ABann23--cdefghjkmnpqrst", "ann"));
    }
}
