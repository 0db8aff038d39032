//! An upstream behind TLS whose certificate nobody vouches for: it was signed with its own key, which is there for anybody
//! to read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::raw;

pub const CERTIFICATE: &[u8] = include_bytes!("untrusted.certificate.der");
const KEY: &[u8] = include_bytes!("untrusted.key.der");

/// Where it listens, and how many requests it read.
pub struct Untrusted {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Untrusted {
    /// Answers whoever trusts it with copy.
    pub fn start() -> Self {
        let key = PrivatePkcs8KeyDer::from(KEY);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key.into())
            .unwrap();
        let (settings, asked) = (Arc::new(settings), Arc::new(AtomicUsize::new(0)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let this = Self { address: listener.local_addr().unwrap(), asked: Arc::clone(&asked) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&settings)).unwrap();
                answer(StreamOwned::new(connection, stream), &asked);
            }
        });
        this
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A client that does not trust it goes away before it says anything.
fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>, asked: &AtomicUsize) {
    let mut request = [0; 1 << 16];
    if !matches!(stream.read(&mut request), Ok(1..)) {
        return;
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let _ = stream.write_all(&raw::completion("A handy companion for the evening."));
    stream.conn.send_close_notify();
    let _ = stream.flush();
}
