//! TLS inside TDS: the handshake goes in PRELOGIN packets, all that follows does not [2.2.6.5]. TLS 1.2, as TDS 7 servers speak.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

pub fn acceptor(folder: &Path) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(folder.join("server.crt"))
        .expect("a certificate")
        .collect::<Result<Vec<_>, _>>()
        .expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let config = rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS12])
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a key that fits");
    TlsAcceptor::from(Arc::new(config))
}

pub async fn accept(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<Wrapped>> {
    let wrapped = Wrapped {
        stream,
        handshake: true,
        head: Vec::new(),
        left: 0,
        out: Vec::new(),
    };
    let mut stream = acceptor.accept(wrapped).await?;
    stream.get_mut().0.handshake = false;
    Ok(stream)
}

/// Takes the packets off and puts them on while the handshake lasts.
pub struct Wrapped {
    stream: TcpStream,
    handshake: bool,
    head: Vec<u8>,
    left: usize,
    out: Vec<u8>,
}

impl AsyncRead for Wrapped {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.handshake && this.left == 0 {
            let mut byte = [0];
            let mut one = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut one))?;
            if one.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.head.push(byte[0]);
            if this.head.len() == 8 {
                if this.head[0] != super::wire::PRELOGIN {
                    return Poll::Ready(Err(super::wire::bad("a handshake outside of PRELOGIN")));
                }
                this.left = usize::from(u16::from_be_bytes([this.head[2], this.head[3]])).saturating_sub(8);
                this.head.clear();
            }
        }
        if !this.handshake {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let mut bytes = vec![0; this.left.min(buffer.remaining())];
        let mut part = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
        let count = part.filled().len();
        buffer.put_slice(part.filled());
        this.left -= count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.handshake && this.out.is_empty() {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        }
        this.out.extend(packet(bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.out.is_empty() {
            let written = ready!(Pin::new(&mut this.stream).poll_write(context, &this.out))?;
            this.out.drain(..written);
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

fn packet(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len() + 8).expect("a short handshake");
    let mut all = vec![super::wire::PRELOGIN, 1];
    all.extend(length.to_be_bytes());
    all.extend([0, 0, 1, 0]);
    all.extend(bytes);
    all
}
