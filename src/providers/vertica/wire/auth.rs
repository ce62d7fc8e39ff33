//! What is answered to a server's challenge: hashes of the password, never the password, unless TLS hides it.

use md5::{Digest, Md5};
use sha2::Sha512;

/// `md5` and hex(MD5(hex(MD5(password, user)), salt)).
pub fn md5(user: &str, password: &str, salt: [u8; 4]) -> String {
    let inner = hex::encode(Md5::digest([password.as_bytes(), user.as_bytes()].concat()));
    let outer = hex::encode(Md5::digest([inner.as_bytes(), &salt].concat()));
    format!("md5{outer}")
}

/// `sha512` and hex(SHA-512(hex(SHA-512(password, the user's salt)), salt)).
pub fn sha512(user_salt: &[u8], password: &str, salt: [u8; 4]) -> String {
    use sha2::Digest as _;
    let inner = hex::encode(Sha512::digest([password.as_bytes(), user_salt].concat()));
    let outer = hex::encode(Sha512::digest([inner.as_bytes(), &salt].concat()));
    format!("sha512{outer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hashlib`, by the two lines of `vertica_python`'s `Password.encoded_password`.
    #[test]
    fn answers_are_those_of_vertica_python() {
        assert_eq!(
            md5("ann", "s3cret", *b"abcd"),
            "md5fd15e8d1b8f0a13618998352ea95dc27"
        );
        assert_eq!(
            sha512(b"0123456789abcdef", "s3cret", *b"abcd"),
            "sha5125b7ad5288fd1765f9561509403ffac5dfcd26399c1bc04453ce0a90c21edca81222be6296b5b1862c9ec18203a4244b90642846e121313dffba16c7186e56c60"
        );
    }
}
