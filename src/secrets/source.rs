//! Reads secrets from where the configuration says they are. No error here ever holds what was read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{Reference, Secret};

/// Longest secret file in bytes; private keys with their chains stay far below.
const LONGEST: u64 = 64 * 1024;

/// Where `env:NAME` is looked up: the process in production, a map in tests.
pub trait Environment: Send + Sync {
    fn variable(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads secrets from the environment"
    )]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Environment for BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// Why a secret could not be read, and what to do; names the reference, never what it refers to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reference}: {why}")]
pub struct SecretError {
    pub reference: String,
    pub why: String,
}

/// Where references lead.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Relative paths start here: the directory of the configuration.
    pub base_dir: &'a Path,
    pub environment: &'a dyn Environment,
}

impl Sources<'_> {
    /// Reads one secret; line ends at its end are not part of it. An error where there is none, it is empty or not text, or
    /// its file can be read by others than its owner.
    pub fn read(&self, reference: &Reference) -> Result<Secret, SecretError> {
        let text = match reference {
            Reference::Env(name) => self
                .environment
                .variable(name)
                .ok_or_else(|| error(reference, format!("the variable is not set; set {name}")))?,
            Reference::File(path) => self.file(reference, path)?,
        };
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            return Err(error(reference, "it is empty; put the secret there"));
        }
        Ok(Secret::new(text))
    }

    /// Reads a JSON object and takes these of its fields, all of which have to be there as text. Other fields are left alone.
    pub fn object(
        &self,
        reference: &Reference,
        keys: &[&str],
    ) -> Result<BTreeMap<String, Secret>, SecretError> {
        let text = self.read(reference)?;
        let object = match serde_json::from_str(text.expose()) {
            Ok(serde_json::Value::Object(object)) => object,
            // The parser's own words could repeat what it read.
            Ok(_) | Err(_) => {
                let why = format!("it is not a JSON object; it has to hold {}", keys.join(", "));
                return Err(error(reference, why));
            }
        };
        let field = |key: &&str| match object.get(*key).and_then(serde_json::Value::as_str) {
            Some(value) if !value.is_empty() => Ok(((*key).to_owned(), Secret::new(value))),
            Some(_) | None => Err(error(
                reference,
                format!("the field {key} is missing, empty or not text"),
            )),
        };
        keys.iter().map(field).collect()
    }

    fn file(&self, reference: &Reference, path: &Path) -> Result<String, SecretError> {
        let path: PathBuf = self.base_dir.join(path);
        let unreadable = |e: std::io::Error| error(reference, format!("cannot be read: {}", e.kind()));
        let file = File::open(&path).map_err(unreadable)?;
        // Of the file that was opened: a path may lead somewhere else a moment later.
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(error(reference, "is not a file"));
        }
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let why = format!(
                "others can read it (mode {mode:03o}); run chmod 600 {}",
                path.display()
            );
            return Err(error(reference, why));
        }
        let mut text = String::new();
        let read = file.take(LONGEST + 1).read_to_string(&mut text);
        let length = read.map_err(|_| error(reference, "is not text in UTF-8"))?;
        if length as u64 > LONGEST {
            return Err(error(reference, format!("is longer than {LONGEST} bytes")));
        }
        Ok(text)
    }
}

fn error(reference: &Reference, why: impl Into<String>) -> SecretError {
    SecretError {
        reference: reference.to_string(),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(dir: &Path, name: &str, text: &str, mode: u32) -> Reference {
        let path = dir.join(name);
        fs::write(&path, text).expect("a writable directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("our own file");
        Reference::File(name.into())
    }

    #[test]
    fn a_reference_is_never_the_secret() {
        assert_eq!(Reference::parse("env:A_1"), Ok(Reference::Env("A_1".into())));
        assert_eq!(
            Reference::parse("file:x/y.json"),
            Ok(Reference::File("x/y.json".into()))
        );
        for wrong in ["hunter2-secret", "env:", "env:9A", "env:A-B", "file:", ""] {
            let why = Reference::parse(wrong).expect_err(wrong);
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn reads_what_only_we_can_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let environment = BTreeMap::from([
            ("TOKEN".to_owned(), "t0p\n".to_owned()),
            ("NONE".to_owned(), "\n".to_owned()),
        ]);
        let sources = Sources {
            base_dir: dir.path(),
            environment: &environment,
        };
        let read = |reference: &Reference| sources.read(reference).map(|secret| secret.expose().to_owned());
        assert_eq!(read(&Reference::Env("TOKEN".into())), Ok("t0p".into()));
        assert_eq!(
            read(&write(dir.path(), "a", "one\ntwo\r\n\n", 0o600)),
            Ok("one\ntwo".into())
        );

        let told = |reference: &Reference| read(reference).expect_err("refused").to_string();
        assert_eq!(
            told(&Reference::Env("NOPE".into())),
            "env:NOPE: the variable is not set; set NOPE"
        );
        assert_eq!(
            told(&Reference::Env("NONE".into())),
            "env:NONE: it is empty; put the secret there"
        );
        for mode in [0o640, 0o604, 0o620] {
            let why = told(&write(dir.path(), "open", "hunter2", mode));
            assert!(
                why.contains("others can read it") && why.contains("chmod 600"),
                "{why}"
            );
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(told(&Reference::File("gone".into())).contains("cannot be read"));
        assert!(told(&Reference::File(dir.path().into())).contains("is not a file"));
    }

    #[test]
    fn an_object_gives_its_fields_and_its_errors_keep_them_secret() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let environment = BTreeMap::new();
        let sources = Sources {
            base_dir: dir.path(),
            environment: &environment,
        };
        let keys = ["username", "password"];
        let good = r#"{"username": "bot", "password": "hunter2", "host": "x"}"#;
        let fields = sources
            .object(&write(dir.path(), "good", good, 0o400), &keys)
            .expect("all fields");
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["password", "username"]);
        assert_eq!(fields["password"].expose(), "hunter2");
        for wrong in [
            "hunter2",
            r#"["hunter2"]"#,
            r#"{"password": "hunter2"}"#,
            r#"{"username": ["hunter2"], "password": "hunter2"}"#,
            r#"{"username": "", "password": "hunter2"}"#,
        ] {
            let reference = write(dir.path(), "wrong", wrong, 0o600);
            let why = format!("{:?}", sources.object(&reference, &keys).expect_err("incomplete"));
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
