//! Our own key: read as people are told to make it, and tokens signed with it.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use pkcs8::{EncryptedPrivateKeyInfo, der::Decode};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    providers::{ErrorKind, ProviderError, Result},
    secrets::Secret,
};

/// Snowflake takes tokens of an hour at most; in seconds.
pub const TOKEN_LIFE: u64 = 55 * 60;

pub struct OwnKey {
    pair: KeyPair,
    /// Of its public half, as Snowflake writes it: `SHA256:<base64>`.
    pub fingerprint: String,
}

fn refused(why: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Denied, format!("our private_key: {why}"))
}

impl OwnKey {
    /// Reads PKCS#8, as PEM or as the base64 between its lines, encrypted (PBES2, 3DES and scrypt included) or not.
    ///
    /// # Errors
    /// `Denied`, without a word of the key.
    pub fn read(text: &Secret, passphrase: &Secret) -> Result<Self> {
        let der = der(text.expose())?;
        let pair = match EncryptedPrivateKeyInfo::from_der(&der) {
            Ok(encrypted) => {
                let plain = encrypted.decrypt(passphrase.expose()).map_err(|_| {
                    refused("it is encrypted, and the passphrase does not open it (or its cipher is unknown)")
                })?;
                KeyPair::from_pkcs8(plain.as_bytes())
            }
            Err(_) => KeyPair::from_pkcs8(&der),
        };
        let pair = pair.map_err(|_| refused("it is no RSA key of 2048 bits or more in PKCS#8 (`openssl genrsa 2048 | openssl pkcs8 -topk8`)"))?;
        let public: PublicKeyX509Der<'_> = pair
            .public_key()
            .as_der()
            .map_err(|_| refused("its public half cannot be written"))?;
        let fingerprint = format!("SHA256:{}", STANDARD.encode(Sha256::digest(public.as_ref())));
        Ok(Self { pair, fingerprint })
    }

    /// A token for a user of an account, both in upper case; `now` in seconds since 1970.
    ///
    /// # Errors
    /// `Denied` if the key cannot sign.
    pub fn token(&self, account: &str, user: &str, now: u64) -> Result<String> {
        let subject = format!("{account}.{user}");
        let claims = json!({
            "iss": format!("{subject}.{}", self.fingerprint),
            "sub": subject,
            "iat": now,
            "exp": now + TOKEN_LIFE,
        });
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| refused("it cannot sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The bytes between the lines of PEM. Secret stores turn line breaks into `\n`, and people leave the BEGIN and END lines out.
fn der(text: &str) -> Result<Vec<u8>> {
    let text = text.replace("\\n", "\n");
    let text = match text.split_once("-----BEGIN") {
        Some((_, rest)) => rest.split_once("-----").map_or("", |(_, body)| body),
        None => text.as_str(),
    };
    let body = text.split("-----END").next().unwrap_or_default();
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD
        .decode(body)
        .map_err(|_| refused("it is neither PEM nor base64"))
}

#[cfg(test)]
#[path = "key_test.rs"]
mod tests;
