//! The few facts that commands beside a running bot need of its configuration.
//!
//! They are read without judging the rest: `latchkey revoke` has to work while somebody is in the middle of editing the
//! file, and `latchkey health` where the secrets it names are not there.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;

pub struct Place {
    pub store: PathBuf,
    pub listen: SocketAddr,
}

/// Where the bot of this configuration keeps its store, and listens.
pub fn read(config: &Path) -> anyhow::Result<Place> {
    let shown = config.display();
    let text = std::fs::read_to_string(config)
        .with_context(|| format!("{shown} cannot be read (--config names another file)"))?;
    let table: toml::Table = text.parse().with_context(|| format!("{shown} is no TOML"))?;
    let full = std::path::absolute(config).with_context(|| format!("{shown} has no place"))?;
    let base = full.parent().unwrap_or(Path::new("/"));
    let word = |section: &str, key: &str| table.get(section)?.get(key)?.as_str();
    Ok(Place {
        store: base.join(word("store", "path").unwrap_or("data")),
        listen: word("http", "listen")
            .unwrap_or("127.0.0.1:8080")
            .parse()
            .with_context(|| format!("{shown}: http.listen is no address"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> anyhow::Result<Place> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("latchkey.toml");
        std::fs::write(&file, text).unwrap();
        read(&file).map(|place| Place {
            store: place
                .store
                .strip_prefix(dir.path())
                .map(Path::to_owned)
                .unwrap_or(place.store),
            ..place
        })
    }

    #[test]
    fn the_place_is_found_in_a_file_with_mistakes() {
        let found =
            place("nonsense = 1\nstore = { path = \"here\" }\n[http]\nlisten = \"0.0.0.0:9000\"\n").unwrap();
        assert_eq!(found.store, Path::new("here"));
        assert_eq!(found.listen, "0.0.0.0:9000".parse().unwrap());
        let found = place("").unwrap();
        assert_eq!(found.store, Path::new("data"));
        assert_eq!(found.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(
            place("store.path = \"/srv/x\"").unwrap().store,
            Path::new("/srv/x")
        );
        assert!(place("store = ").is_err());
        assert!(format!("{:#}", read(Path::new("/nowhere/x.toml")).err().unwrap()).contains("--config"));
    }
}
