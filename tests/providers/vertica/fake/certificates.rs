//! A certificate for `localhost`, of an authority made for the tests, and an authority that has nothing to do with it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

pub struct Certificates {
    dir: tempfile::TempDir,
    pub server: Arc<ServerConfig>,
}

impl Certificates {
    /// # Errors
    /// Why there can be none on this machine.
    pub fn make() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        write(dir.path())?;
        let server = configure(dir.path()).map_err(|error| error.to_string())?;
        Ok(Self { dir, server })
    }

    pub fn place(&self) -> PathBuf {
        self.dir.path().to_owned()
    }
}

const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
const SIGN: &str = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out server.crt -extfile server.ext";

fn write(dir: &Path) -> Result<(), String> {
    for name in ["ca", "other-ca"] {
        let made = format!("req -x509 {EC} -days 30 -subj /CN={name} -keyout {name}.key -out {name}.crt");
        openssl(dir, &format!("{made} -addext basicConstraints=critical,CA:TRUE"))?;
    }
    openssl(
        dir,
        &format!("req {EC} -subj /CN=localhost -keyout server.key -out server.csr"),
    )?;
    // Good for the name localhost only: 127.0.0.1 shows what a wrong name does.
    let extensions = "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n";
    std::fs::write(dir.join("server.ext"), extensions).map_err(|error| error.to_string())?;
    openssl(dir, SIGN)
}

fn openssl(dir: &Path, arguments: &str) -> Result<(), String> {
    let ran = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("no openssl here (Debian: apt-get install openssl): {error}"))?;
    if ran.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&ran.stderr).into_owned())
    }
}

fn configure(dir: &Path) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let chain = CertificateDer::pem_file_iter(dir.join("server.crt"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(dir.join("server.key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}
