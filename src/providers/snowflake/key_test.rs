//! Keys made by OpenSSL in every way that its documentation and Snowflake's tell people to; all are the same key.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};

use super::*;

const PLAIN: &str = include_str!("key_test/plain.p8");
const PUBLIC: &str = include_str!("key_test/public.pem");
/// `openssl rsa -pubout -outform DER | openssl dgst -sha256 -binary | openssl base64`
const FINGERPRINT: &str = "SHA256:6h9tYh/xQxImjy4fJMF4wj1SMyeeeDQEUqDi+M2td00=";

fn read(text: &str, passphrase: &str) -> Result<OwnKey> {
    OwnKey::read(&Secret::new(text), &Secret::new(passphrase))
}

#[test]
fn every_way_to_make_a_key_is_read() {
    for (how, text) in [
        ("plain", PLAIN),
        ("-v2 des3", include_str!("key_test/des3.p8")),
        (
            "-v2 des3 -v2prf hmacWithSHA1",
            include_str!("key_test/des3-sha1.p8"),
        ),
        ("-v2 aes256", include_str!("key_test/aes256.p8")),
        ("-scrypt", include_str!("key_test/scrypt.p8")),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        let bare = lines[1..lines.len() - 1].join("\n");
        for (form, text) in [
            ("as it is", text.to_owned()),
            ("without its first and last line", bare.clone()),
            ("on one line", text.replace('\n', "")),
            ("bare on one line", bare.replace('\n', "")),
            ("with escaped line breaks", text.replace('\n', "\\n")),
            ("with Windows line breaks", text.replace('\n', "\r\n")),
        ] {
            let key = read(&text, "for tests").unwrap_or_else(|error| panic!("{how}, {form}: {error}"));
            assert_eq!(key.fingerprint, FINGERPRINT, "{how}, {form}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused_without_a_word_of_it() {
    let encrypted = include_str!("key_test/des3.p8");
    for (text, passphrase, word) in [
        (encrypted, "wrong one", "passphrase"),
        ("example", "for tests", "base64"),
        ("c2VjcmV0", "for tests", "RSA"),
        (PUBLIC, "for tests", "RSA"),
        ("", "x", "RSA"),
    ] {
        let error = read(text, passphrase).err().expect("refused");
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.message.contains(word), "{error}");
        assert!(text.is_empty() || !error.message.contains(text));
        assert!(!error.message.contains(passphrase), "{error}");
    }
}

#[test]
fn a_token_says_who_we_are_and_is_signed() {
    let key = read(PLAIN, "unused").expect("a key");
    let token = key
        .token("MYORG-ACC1", "LATCHKEY", 1_790_000_000)
        .expect("a token");
    let parts: Vec<&str> = token.split('.').collect();
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let header: serde_json::Value = serde_json::from_slice(&decoded(parts[0])).expect("JSON");
    let claims: serde_json::Value = serde_json::from_slice(&decoded(parts[1])).expect("JSON");
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
    assert_eq!(claims["iss"], format!("MYORG-ACC1.LATCHKEY.{FINGERPRINT}"));
    assert_eq!(claims["sub"], "MYORG-ACC1.LATCHKEY");
    assert_eq!(
        claims["exp"]
            .as_u64()
            .zip(claims["iat"].as_u64())
            .map(|(end, from)| end - from),
        Some(3300)
    );
    let public = der(PUBLIC).expect("PEM");
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).expect("a key");
    let signed = format!("{}.{}", parts[0], parts[1]);
    public
        .verify_sig(signed.as_bytes(), &decoded(parts[2]))
        .expect("signed by our key");
}
