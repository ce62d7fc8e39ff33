//! Lengths of time, as people write and read them.

/// `2 h`, `2 h 30 min`, `3 d`, `45 s`: days from two days on, seconds only where there is nothing larger to say.
pub fn humanize(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600, seconds / 60 % 60);
    let parts: Vec<String> = if days >= 2 {
        vec![(days, "d"), (hours % 24, "h"), (minutes, "min")]
    } else if seconds >= 60 {
        vec![
            (hours, "h"),
            (minutes, "min"),
            (if seconds < 600 { seconds % 60 } else { 0 }, "s"),
        ]
    } else {
        return format!("{seconds} s");
    }
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, unit)| format!("{count} {unit}"))
    .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        for (seconds, text) in [
            (-5, "0 s"),
            (0, "0 s"),
            (45, "45 s"),
            (60, "1 min"),
            (90, "1 min 30 s"),
            (5400, "1 h 30 min"),
            (7200, "2 h"),
            (9000, "2 h 30 min"),
            (9001, "2 h 30 min"),
            (86_400, "24 h"),
            (129_600, "36 h"),
            (172_800, "2 d"),
            (3 * 86_400 + 3600, "3 d 1 h"),
        ] {
            assert_eq!(humanize(seconds), text, "{seconds}");
        }
    }
}
