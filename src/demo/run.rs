//! `latchkey demo`.

/// What `latchkey demo` was given.
#[derive(Debug)]
pub struct DemoArgs {
    pub check: bool,
    /// 0: any that is free.
    pub port: u16,
}

pub async fn run(_args: DemoArgs) -> anyhow::Result<()> {
    anyhow::bail!("demo is not wired yet")
}
