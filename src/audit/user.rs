//! How users are named in the log: by a hash under a key of each user's own. That key is kept in the store under a hash of
//! the user's reference, which the node's key makes: the log alone tells nothing of who they are, and once a user's key is
//! erased nobody can tell which records are theirs.

use std::io::{self, Write};
use std::path::Path;

use crate::store::{Store, StoreError, users};

/// The key that user references are hashed with. It stays on the node, outside the log.
#[derive(Clone)]
pub struct UserKey([u8; 32]);

impl UserKey {
    /// Reads the key from `user.key` in a data folder; on first use makes the folder and a key, which its owner alone
    /// may read.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or made, or is not 32 bytes long. A key that was lost cannot be made again:
    /// users are named anew from then on.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let key = secret_file(dir, "user.key")?;
        Ok(Self(key))
    }

    /// The name in the log of the user whom a shop calls `reference`: BLAKE3 keyed, 64 characters of lowercase hex.
    pub fn hash(&self, reference: &str) -> String {
        blake3::Hash::from_bytes(self.digest(reference)).to_hex().to_string()
    }

    /// The same as 32 bytes.
    pub fn digest(&self, reference: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, reference.as_bytes()).as_bytes()
    }
}

/// The name that records give a user: their digest hashed with BLAKE3 under a key of their own, 64 characters of lowercase
/// hex.
pub fn reference(own: &[u8; 32], digest: &[u8; 32]) -> String {
    blake3::keyed_hash(own, digest).to_hex().to_string()
}

/// The names under which the log may hold records of the user with this digest: the one of now, while records have it, and
/// the one that older versions gave.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn references(store: &Store, digest: &[u8; 32]) -> Result<Vec<String>, StoreError> {
    let own = users::key(store, digest).await?.map(|own| reference(&own, digest));
    let older = blake3::Hash::from_bytes(*digest).to_hex().to_string();
    Ok(own.into_iter().chain([older]).collect())
}

/// Reads a key of 32 bytes from a file in a data folder; on first use makes the folder and a random key, which its owner alone
/// may read.
///
/// # Errors
///
/// When the file cannot be read or made, or is not 32 bytes long.
pub fn secret_file(dir: &Path, name: &str) -> io::Result<[u8; 32]> {
    let path = dir.join(name);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(dir, &path, &rand::random::<[u8; 32]>())?;
            std::fs::read(&path)?
        }
        read => read?,
    };
    bytes.try_into().map_err(|_| {
        let message = format!("{} is not 32 bytes long; restore it from a backup", path.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Puts a new key in place whole, or leaves the one that another process put there meanwhile. Its owner alone may read it.
pub(super) fn make(dir: &Path, path: &Path, key: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    // Temporary files are made for their owner alone.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != io::ErrorKind::AlreadyExists => Err(failed.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_name_per_key() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let data = here.path().join("data");
        let name = UserKey::open(&data).unwrap().hash("u-17");
        assert_eq!(name.len(), 64);
        assert_eq!(UserKey::open(&data).unwrap().hash("u-17"), name);
        assert_ne!(UserKey::open(&data).unwrap().hash("u-18"), name);
        assert_ne!(UserKey::open(there.path()).unwrap().hash("u-17"), name);
    }

    #[test]
    fn a_broken_key_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("user.key"), b"short").unwrap();
        let fault = UserKey::open(dir.path()).err().unwrap();
        assert!(fault.to_string().ends_with("is not 32 bytes long; restore it from a backup"), "{fault}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        UserKey::open(dir.path()).unwrap();
        let mode = std::fs::metadata(dir.path().join("user.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
