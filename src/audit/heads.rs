//! Signed heads: who keeps them elsewhere can tell later that the log lost its end or was rewritten. A head is the last
//! entry's number and hash; a line says when it was that and is signed with the node's own key (Ed25519), so that it can be
//! checked with public tools.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::{Clock, chain, user};
use crate::store::log::{Head, Snapshot};
use crate::store::{Store, StoreError};

/// The node's key for heads, in the data folder: PKCS#8, for its owner alone.
const KEY: &str = "head.key";
/// The public half beside it, as PEM.
const PUBLIC: &str = "head.pub";
/// How long an address may take to take a head.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most characters that a line of a file of heads may have.
const LONGEST: u64 = 4_096;
/// What stands before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A head with its signature: a line of a file of heads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// The version of this format, 1.
    pub v: u32,
    /// When it was the head.
    pub at: Timestamp,
    /// The number of the last entry, which is how many there were.
    pub seq: i64,
    /// The last entry's hash, in lowercase hex.
    pub head: String,
    /// The public key, 32 bytes in lowercase hex.
    pub key: String,
    /// The signature over [`message`](Self::message), 64 bytes in lowercase hex.
    pub signature: String,
}

impl SignedHead {
    /// What is signed: `copyrail head 1`, the time, the number and the hash as the line has them, with a blank between each
    /// two and nothing behind.
    pub fn message(&self) -> String {
        message(self.at, self.seq, &self.head)
    }

    /// Whether it was signed with one of these keys; with none given, with the one that it names itself.
    pub fn is_signed(&self, trusted: &[PublicKey]) -> bool {
        let own = bytes_of(&self.key).and_then(|key| Some(PublicKey(key.try_into().ok()?)));
        let Some(signature) = bytes_of(&self.signature) else { return false };
        let trusts = |key: &PublicKey| trusted.is_empty() || trusted.contains(key);
        own.filter(trusts).is_some_and(|key| {
            UnparsedPublicKey::new(&ED25519, key.0).verify(self.message().as_bytes(), &signature).is_ok()
        })
    }
}

fn message(at: Timestamp, seq: i64, head: &str) -> String {
    format!("copyrail head 1 {at} {seq} {head}")
}

/// A public key for heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a PEM file such as `head.pub`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is no Ed25519 key.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let key = decode_base64(&body).and_then(|der| der.strip_prefix(&SPKI)?.try_into().ok());
        key.map(Self).ok_or_else(|| {
            let message = format!("{} is no Ed25519 public key in PEM", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    fn pem(&self) -> String {
        let der = [&SPKI[..], &self.0].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", encode_base64(&der))
    }
}

/// The public key beside a data folder's own, when there is one.
///
/// # Errors
///
/// When it cannot be read.
pub fn own_key(dir: &Path) -> io::Result<Option<PublicKey>> {
    match PublicKey::read(&dir.join(PUBLIC)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// What signs heads.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// Reads the key from `head.key` in a data folder; on first use makes the folder and a key. Puts its public half into
    /// `head.pub` when it is not there.
    ///
    /// # Errors
    ///
    /// When the files cannot be read or made, or the key is none.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join(KEY);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
                let made = made.map_err(|_| io::Error::other("the system gives no random numbers"))?;
                user::make(dir, &path, made.as_ref())?;
                std::fs::read(&path)?
            }
            read => read?,
        };
        let key = Ed25519KeyPair::from_pkcs8(&bytes).map_err(|error| {
            let message = format!("{} is no Ed25519 key: {error}; restore it from a backup", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        let signer = Self(key);
        let public = dir.join(PUBLIC);
        match own_key(dir)? {
            None => user::make(dir, &public, signer.public().pem().as_bytes())?,
            Some(key) if key == signer.public() => {}
            Some(_) => {
                let message = format!(
                    "{} is not of the key beside it; move it to where you keep old keys, for the heads signed with that",
                    public.display()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        Ok(signer)
    }

    /// The public half of the key.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.iter_mut().zip(self.0.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        PublicKey(key)
    }

    fn sign(&self, at: Timestamp, head: &Head) -> SignedHead {
        let signature = self.0.sign(message(at, head.seq, &head.hash).as_bytes());
        SignedHead {
            v: 1,
            at,
            seq: head.seq,
            head: head.hash.clone(),
            key: chain::hex(&self.public().0),
            signature: chain::hex(signature.as_ref()),
        }
    }
}

/// The head as it is now, signed. `None` when the log is empty.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn now(store: &Store, signer: &Signer, at: Timestamp) -> Result<Option<SignedHead>, StoreError> {
    Ok(head(store).await?.map(|head| signer.sign(at, &head)))
}

async fn head(store: &Store) -> Result<Option<Head>, StoreError> {
    let mut snapshot = Snapshot::begin(store).await?;
    let seq = snapshot.last().await?;
    Ok(snapshot.hash_of(seq).await?.map(|hash| Head { seq, hash }))
}

/// Why a file of heads cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// It cannot be read.
    #[error("the heads in {} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is none of a head.
    #[error("line {line} of {} is no signed head: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A signature is not good.
    #[error("the signature in line {line} of {} is not good, or not by a key that is trusted here", path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

/// Reads a file of heads, each of which must be signed with one of these keys; with none given, with the one that it names
/// itself. An unfinished line is passed over: it is still being written, or a full
/// disk cut it off.
///
/// # Errors
///
/// When the file cannot be read, or a line is no head or not signed so.
pub fn read(path: &Path, trusted: &[PublicKey]) -> Result<Vec<SignedHead>, HeadsError> {
    let failed = |source| HeadsError::File { path: path.to_owned(), source };
    let mut file = io::BufReader::new(std::fs::File::open(path).map_err(failed)?);
    let mut heads = Vec::new();
    for line in 1.. {
        let mut text = String::new();
        file.by_ref().take(LONGEST).read_line(&mut text).map_err(failed)?;
        if text.trim().is_empty() && text.ends_with('\n') {
            continue;
        }
        if !text.ends_with('\n') && text.len() < LONGEST as usize {
            break;
        }
        let none = |reason: String| HeadsError::Line { path: path.to_owned(), line, reason };
        let head: SignedHead = match serde_json::from_str(&text) {
            Ok(head) => head,
            // A full disk cut it off; the next one stands in a line of its own.
            Err(error) if error.is_eof() => continue,
            Err(error) => return Err(none(error.to_string())),
        };
        if head.v != 1 {
            return Err(none(format!("it is of format {}, which this version does not know", head.v)));
        }
        if !head.is_signed(trusted) {
            return Err(HeadsError::Signature { path: path.to_owned(), line });
        }
        heads.push(head);
    }
    Ok(heads)
}

/// Where heads are kept.
enum Place {
    File(PathBuf),
    Address(reqwest::Client, reqwest::Url),
}

/// Writes signed heads elsewhere.
pub struct Keeper {
    store: Store,
    signer: Signer,
    place: Place,
    now: Clock,
    /// Held while a head is written, so that none is written twice.
    writing: tokio::sync::Mutex<()>,
    /// What was written last, and what went wrong since.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    written: Option<Head>,
    trouble: Option<String>,
}

impl Keeper {
    /// Writes to `place`, a file or an `http://` or `https://` address, with the key in the data folder.
    ///
    /// # Errors
    ///
    /// When the key cannot be had, or the address is none.
    pub fn open(store: Store, dir: &Path, place: &str, now: Clock) -> anyhow::Result<Self> {
        let signer = Signer::open(dir)
            .map_err(|error| anyhow::anyhow!("the key for signed heads cannot be opened: {error}"))?;
        let place = match place.starts_with("http://") || place.starts_with("https://") {
            true => address(place)?,
            false => Place::File(PathBuf::from(place)),
        };
        Ok(Self {
            store,
            signer,
            place,
            now,
            writing: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        })
    }

    /// Writes the head, when it is another than the one written last. A failure is told once, and tried again at the next
    /// turn.
    pub async fn turn(&self) {
        let _writing = self.writing.lock().await;
        let outcome = self.write().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(written) => {
                if state.trouble.take().is_some() {
                    tracing::info!("signed heads of the log are written again");
                }
                state.written = written;
            }
            Err(error) => {
                if state.trouble.is_none() {
                    tracing::error!(%error, "the log's signed head cannot be written; it is tried again at the next turn");
                }
                state.trouble = Some(error);
            }
        }
    }

    /// What went wrong with the last head, while none could be written since.
    pub fn trouble(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    async fn write(&self) -> Result<Option<Head>, String> {
        let head = head(&self.store).await.map_err(|error| error.to_string())?;
        let written = self.state.lock().unwrap_or_else(PoisonError::into_inner).written.clone();
        let Some(new) = head.as_ref().filter(|head| written.as_ref() != Some(head)) else {
            return Ok(written);
        };
        let line = serde_json::to_string(&self.signer.sign((self.now)(), new)).map_err(|e| e.to_string())?;
        match &self.place {
            Place::File(path) => append(path.clone(), line + "\n").await?,
            Place::Address(client, url) => {
                let request = client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(line);
                let response = request.send().await.map_err(|error| told(&error.without_url()))?;
                if !response.status().is_success() {
                    return Err(format!("the address answered with status {}", response.status().as_u16()));
                }
            }
        }
        Ok(head)
    }
}

fn address(url: &str) -> anyhow::Result<Place> {
    let url: reqwest::Url =
        url.parse().map_err(|error| anyhow::anyhow!("`audit.heads` is no address: {error}"))?;
    // Another part of the process may have installed a provider of cryptography already; either will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("copyrail/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        // Heads go where the settings say and nowhere else.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    Ok(Place::Address(builder.build()?, url))
}

/// An error with what caused it.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// Adds a line to a file and waits until it is on the disk.
async fn append(path: PathBuf, line: String) -> Result<(), String> {
    let write = move || {
        let named = |error: io::Error| format!("{}: {error}", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(named)?;
        }
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(named)?;
        // What was cut off by a full disk must not run into the next line.
        let line = if ends_with_line(&mut file).map_err(named)? { line } else { format!("\n{line}") };
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(named)
    };
    tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// Whether a file is empty or its last line is finished.
fn ends_with_line(file: &mut std::fs::File) -> io::Result<bool> {
    use std::io::Seek;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(io::SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

/// The bytes of a text in hex.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, []) = digits.as_ref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in the alphabet of RFC 4648, filled up with `=`.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits = [16, 8, 0].iter().zip(three).fold(0u32, |bits, (by, byte)| bits | u32::from(*byte) << by);
        let filled = three.len() + 1;
        [18u32, 12, 6, 0].into_iter().enumerate().map(move |(place, by)| {
            let digit = usize::try_from(bits >> by & 63).ok().and_then(|digit| BASE64.get(digit));
            digit.filter(|_| place < filled).map_or('=', |digit| char::from(*digit))
        })
    });
    digits.collect()
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut filled) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let digit = BASE64.iter().position(|digit| *digit == c)?;
        bits = bits << 6 & 0xffff | u32::try_from(digit).ok()?;
        filled += 6;
        if filled >= 8 {
            filled -= 8;
            bytes.push(u8::try_from(bits >> filled & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::testing::write_sample;
    use super::*;
    use crate::store::testing::{at, test_store};

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("\u{ff}\u{fe}>?", "w7/Dvj4/"),
        ] {
            assert_eq!(encode_base64(bytes.as_bytes()), text);
            assert_eq!(decode_base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(decode_base64("Z*=="), None);
    }

    #[tokio::test]
    async fn a_signed_head_is_good_as_it_is_and_in_no_other_form() {
        let held = test_store().await;
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let signer = Signer::open(here.path()).unwrap();
        assert_eq!(now(&held.store, &signer, at(0)).await.unwrap(), None, "the log is empty");
        write_sample(&held.store).await;
        let head = now(&held.store, &signer, at(0)).await.unwrap().unwrap();
        assert_eq!(head.seq, 5);
        let again = Signer::open(here.path()).unwrap();
        assert_eq!(now(&held.store, &again, at(0)).await.unwrap().unwrap(), head, "the key is kept");
        let own = own_key(here.path()).unwrap().unwrap();
        let other = Signer::open(there.path()).unwrap().public();
        assert!(head.is_signed(&[]) && head.is_signed(&[other.clone(), own.clone()]));
        assert!(!head.is_signed(std::slice::from_ref(&other)));
        let changed: [fn(&mut SignedHead); 6] = [
            |head| head.at = at(1),
            |head| head.seq = 6,
            |head| head.head.replace_range(..1, "x"),
            |head| head.signature = head.signature.chars().rev().collect(),
            |head| head.key.truncate(62),
            |head| head.signature = "é".into(),
        ];
        for change in changed {
            let mut changed = head.clone();
            change(&mut changed);
            assert!(!changed.is_signed(std::slice::from_ref(&own)) && !changed.is_signed(&[]), "{changed:?}");
        }
        let forged = SignedHead { key: chain::hex(&other.0), ..head };
        assert!(!forged.is_signed(&[]));
    }

    #[test]
    fn a_public_key_of_another_key_is_not_taken_for_its_own() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Signer::open(here.path()).unwrap();
        Signer::open(there.path()).unwrap();
        std::fs::copy(there.path().join(PUBLIC), here.path().join(PUBLIC)).unwrap();
        let fault = Signer::open(here.path()).err().unwrap();
        assert!(fault.to_string().contains("head.pub is not of the key beside it"), "{fault}");
        std::fs::write(here.path().join(KEY), "short").unwrap();
        let fault = Signer::open(here.path()).err().unwrap();
        assert!(fault.to_string().contains("is no Ed25519 key"), "{fault}");
    }

    #[tokio::test]
    async fn lines_that_were_cut_off_are_passed_over_and_others_are_named() {
        let held = test_store().await;
        write_sample(&held.store).await;
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::open(dir.path()).unwrap();
        let head = now(&held.store, &signer, at(0)).await.unwrap().unwrap();
        let (path, line) = (dir.path().join("a/b/heads.jsonl"), serde_json::to_string(&head).unwrap());
        let (start, _) = line.split_at(40);
        append(path.clone(), start.to_owned()).await.unwrap();
        append(path.clone(), line.clone() + "\n").await.unwrap();
        append(path.clone(), start.to_owned()).await.unwrap();
        assert_eq!(read(&path, &[]).unwrap(), [head]);
        append(path.clone(), line.replace("\"seq\":5", "\"seq\":4") + "\n").await.unwrap();
        assert!(matches!(read(&path, &[]), Err(HeadsError::Signature { line: 4, .. })));
        std::fs::write(&path, "no head\n").unwrap();
        assert!(matches!(read(&path, &[]), Err(HeadsError::Line { line: 1, .. })));
        std::fs::write(&path, "[".repeat(10_000)).unwrap();
        assert!(read(&path, &[]).is_err());
    }
}
