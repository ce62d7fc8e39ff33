//! Parses arguments, installs the crypto provider, calls the library.

use clap::Parser;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    latchkey::install_crypto();
    latchkey::cli::run(latchkey::cli::Cli::parse()).await
}
