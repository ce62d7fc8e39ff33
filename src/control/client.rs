//! The command line's end of the socket.

use std::{fs, io, path::Path, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use super::{ControlRequest, ControlResponse, SOCKET, server::short};

/// Some commands wait for a target or for a decision of the loop.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error("no bot is running on the store {0}; start it with: latchkey serve")]
    NotRunning(String),
    #[error("the bot on the store {0} runs as another system user; run this as that user, or as root")]
    NotYours(String),
    #[error("the bot did not answer within 120 s; what was asked may still happen")]
    Late,
    #[error("the connection to the bot broke off: {0}; what was asked may have happened")]
    Broken(io::Error),
    /// The bot's own words.
    #[error("{0}")]
    Refused(String),
}

/// Asks the bot that runs on this store.
///
/// # Errors
/// No bot, somebody else's, or its own refusal.
pub async fn ask(store: &Path, request: &ControlRequest) -> Result<serde_json::Value, Unanswered> {
    let stream = connect(store).await?;
    let line = tokio::time::timeout(PATIENCE, exchange(stream, request))
        .await
        .map_err(|_| Unanswered::Late)?
        .map_err(Unanswered::Broken)?;
    match serde_json::from_str(&line) {
        Ok(ControlResponse::Ok(value)) => Ok(value),
        Ok(ControlResponse::Error(text)) => Err(Unanswered::Refused(text)),
        Err(error) => Err(Unanswered::Broken(io::Error::other(error))),
    }
}

async fn connect(store: &Path) -> Result<UnixStream, Unanswered> {
    let attempt = async {
        let directory = fs::File::open(store)?;
        UnixStream::connect(short(&directory, SOCKET)).await
    };
    attempt.await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Unanswered::NotRunning(store.display().to_string())
        }
        io::ErrorKind::PermissionDenied => Unanswered::NotYours(store.display().to_string()),
        _ => Unanswered::Broken(error),
    })
}

async fn exchange(mut stream: UnixStream, request: &ControlRequest) -> io::Result<String> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    if !answer.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, sync::Arc};

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::control::{Caller, Handle, RequestRow, Which, bind, me, serve};

    struct Bot {
        stop: CancellationToken,
        done: tokio::task::JoinHandle<()>,
    }

    fn start(store: &Path, handle: Handle) -> Bot {
        let stop = CancellationToken::new();
        let listener = bind(store).unwrap();
        let done = tokio::spawn(serve(listener, handle, stop.clone()));
        Bot { stop, done }
    }

    /// Says who asked, and refuses to reload.
    fn echo() -> Handle {
        Arc::new(|request, caller: Caller| {
            Box::pin(async move {
                match request {
                    ControlRequest::Reload => ControlResponse::Error("line 3: no such group".into()),
                    other => ControlResponse::said(format!("{} asked {other:?}", caller.user)),
                }
            })
        })
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_alone_and_the_caller_is_whom_the_system_names() {
        let store = tempfile::tempdir().unwrap();
        let bot = start(store.path(), echo());
        let mode = fs::metadata(store.path().join(SOCKET))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let answer = ask(store.path(), &ControlRequest::Stuck).await.unwrap();
        assert_eq!(answer["said"], format!("{} asked Stuck", me().user));
        let refused = ask(store.path(), &ControlRequest::Reload).await.unwrap_err();
        assert_eq!(refused.to_string(), "line 3: no such group");
        bot.stop.cancel();
        bot.done.await.unwrap();
        assert!(!store.path().join(SOCKET).exists());
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn without_a_bot_the_answer_says_what_to_do() {
        let store = tempfile::tempdir().unwrap();
        let error = ask(store.path(), &ControlRequest::Stuck)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no bot is running") && error.contains("latchkey serve"),
            "{error}"
        );
        // The same where a killed one left its socket behind; a new one takes its place.
        drop(std::os::unix::net::UnixListener::bind(store.path().join(SOCKET)).unwrap());
        assert!(matches!(
            ask(store.path(), &ControlRequest::Stuck).await,
            Err(Unanswered::NotRunning(_))
        ));
        let _bot = start(store.path(), echo());
        ask(store.path(), &ControlRequest::Stuck).await.unwrap();
    }

    #[tokio::test]
    async fn a_store_deep_down_works_all_the_same() {
        let base = tempfile::tempdir().unwrap();
        let store = base.path().join("d".repeat(120)).join("e".repeat(120));
        fs::create_dir_all(&store).unwrap();
        let _bot = start(&store, echo());
        ask(&store, &ControlRequest::Status).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_the_bot_goes_on() {
        let store = tempfile::tempdir().unwrap();
        let _bot = start(store.path(), echo());
        let long = [b"x".repeat(70_000), b"\n".to_vec()].concat();
        for (sent, told) in [
            (
                b"{\"ask\":\"format_disk\"}\n".to_vec(),
                "not a request this bot knows",
            ),
            (b"\n".to_vec(), "not a request this bot knows"),
            (b"\xff\xfe\n".to_vec(), "utf-8"),
            (long, "64 KiB"),
        ] {
            let mut stream = connect(store.path()).await.unwrap();
            // The bot may hang up in the middle of a line that is too long.
            drop(stream.write_all(&sent).await);
            let mut line = String::new();
            match BufReader::new(stream).read_line(&mut line).await {
                Ok(_) => assert!(line.contains(told), "{line}"),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            }
        }
        ask(store.path(), &ControlRequest::Status).await.unwrap();
    }

    #[tokio::test]
    async fn rows_arrive_as_they_left() {
        let store = tempfile::tempdir().unwrap();
        let row = RequestRow {
            code: "R7K3F".into(),
            id: "r1".into(),
            requester: "ann".into(),
            integration: "redis-cloud".into(),
            resource: "prod".into(),
            permission: "read".into(),
            length: "2 h".into(),
            state: "pending".into(),
            asked_at: chrono::DateTime::UNIX_EPOCH,
            decide_by: None,
            waits_for: vec!["bob".into()],
            reason: "two\nlines".into(),
        };
        let rows = vec![row];
        let sent = rows.clone();
        let _bot = start(
            store.path(),
            Arc::new(move |_, _| {
                let answer = ControlResponse::of(&sent);
                Box::pin(async move { answer })
            }),
        );
        let value = ask(store.path(), &ControlRequest::Requests { which: Which::Open })
            .await
            .unwrap();
        assert_eq!(serde_json::from_value::<Vec<RequestRow>>(value).unwrap(), rows);
    }
}
