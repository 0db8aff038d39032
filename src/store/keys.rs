//! API keys: who may call, and as what. A key is shown once; the store keeps a hash of its secret.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, from_json, micros, timestamp, to_json};

/// Characters in a key's id.
const ID_LENGTH: usize = 12;
/// Characters in a key's secret; each carries five random bits.
const SECRET_LENGTH: usize = 40;
/// How many random bytes [`mint`] takes.
pub const RANDOM_BYTES: usize = ID_LENGTH + SECRET_LENGTH;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a key may be used for. Roles do not include each other, save that `admin` has every secret one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks for copy.
    Serve,
    /// Reads and reviews the log.
    Review,
    /// Stops, purges, sees the policy.
    Compliance,
    /// All of the above.
    Admin,
    /// Asks for copy from a browser; bound to origins, seen by everybody.
    Publishable,
}

impl Role {
    /// Every role, in the order people are told of them.
    pub const ALL: [Role; 5] = [Role::Serve, Role::Review, Role::Compliance, Role::Admin, Role::Publishable];

    /// Whether a key of this role may do what `needed` may.
    pub fn allows(self, needed: Role) -> bool {
        self == needed || (self == Role::Admin && needed != Role::Publishable)
    }

    /// The word for it, in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Serve => "serve",
            Role::Review => "review",
            Role::Compliance => "compliance",
            Role::Admin => "admin",
            Role::Publishable => "publishable",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; write `serve`, `review`, `compliance`, `admin` or `publishable`")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A key as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// The part of the key that may be shown: 12 characters.
    pub id: String,
    /// The person or system it was made for.
    pub name: String,
    /// What it may be used for.
    pub role: Role,
    /// For publishable keys, the origins it may be sent from, such as `https://shop.example`.
    pub origins: Vec<String>,
    /// BLAKE3 of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created: Timestamp,
    /// From when on it no longer holds.
    pub expires: Option<Timestamp>,
    /// Since when it no longer holds.
    pub revoked: Option<Timestamp>,
}

impl KeyRow {
    /// Whether this is the key that the token names, of the kind the role has, with the right secret. Takes the
    /// same time wherever secrets differ.
    pub fn matches(&self, token: &Token) -> bool {
        let secret_fits = blake3::Hash::from_bytes(self.hash) == blake3::Hash::from_bytes(token.hash);
        secret_fits && self.id == token.id && TokenKind::of(self.role) == token.kind
    }

    /// Whether it may be sent from this origin, as [`origin_of`] writes it.
    pub fn may_come_from(&self, origin: &str) -> bool {
        self.origins.iter().any(|bound| origin_of(bound).as_deref() == Some(origin))
    }

    /// Whether it holds at `at`: neither expired nor revoked.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.expires.is_none_or(|expires| at < expires) && self.revoked.is_none_or(|revoked| at < revoked)
    }
}

/// The two kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `crk_…`: known to servers and people only.
    Secret,
    /// `crp_…`: stands in pages that everybody can read.
    Publishable,
}

impl TokenKind {
    fn of(role: Role) -> Self {
        if role == Role::Publishable { Self::Publishable } else { Self::Secret }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "crk_",
            Self::Publishable => "crp_",
        }
    }
}

/// A token that somebody sent, its secret already hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What its prefix says.
    pub kind: TokenKind,
    /// The id of the key that it claims to be.
    pub id: String,
    /// BLAKE3 of its secret.
    pub hash: [u8; 32],
}

/// A new key.
#[derive(Clone)]
pub struct Minted {
    /// What its owner sends: shown once, kept nowhere.
    pub token: String,
    /// Its id.
    pub id: String,
    /// BLAKE3 of its secret, for [`KeyRow::hash`].
    pub hash: [u8; 32],
}

/// Makes a key from random bytes, which must come from a generator fit for secrets.
pub fn mint(role: Role, random: &[u8; RANDOM_BYTES]) -> Minted {
    let letter = |byte: &u8| char::from(ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'a'));
    let id: String = random.iter().take(ID_LENGTH).map(letter).collect();
    let secret: String = random.iter().skip(ID_LENGTH).map(letter).collect();
    let token = format!("{}{id}_{secret}", TokenKind::of(role).prefix());
    Minted { token, id, hash: *blake3::hash(secret.as_bytes()).as_bytes() }
}

/// Takes a token apart. `None` when the text is not built like one.
pub fn parse_token(text: &str) -> Option<Token> {
    let kinds = [TokenKind::Secret, TokenKind::Publishable];
    let (kind, rest) = kinds.into_iter().find_map(|k| Some((k, text.strip_prefix(k.prefix())?)))?;
    let (id, secret) = rest.split_once('_')?;
    let well_formed =
        |part: &str, length| part.len() == length && part.bytes().all(|b| ALPHABET.contains(&b));
    if !well_formed(id, ID_LENGTH) || !well_formed(secret, SECRET_LENGTH) {
        return None;
    }
    Some(Token { kind, id: id.to_owned(), hash: *blake3::hash(secret.as_bytes()).as_bytes() })
}

/// The origin of an address, as browsers write it: scheme and host in small letters, the port where it is not the
/// scheme's own. `None` when the text is no address, or one that has no origin.
pub fn origin_of(address: &str) -> Option<String> {
    let origin = reqwest::Url::parse(address).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// Adds a key.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn insert(store: &Store, key: &KeyRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO keys (id, name, role, origins, hash, created, expires, revoked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&key.id)
    .bind(&key.name)
    .bind(key.role.as_str())
    .bind(to_json(&key.origins)?)
    .bind(key.hash.as_slice())
    .bind(micros(key.created))
    .bind(key.expires.map(micros))
    .bind(key.revoked.map(micros))
    .execute(store.writer()?)
    .await?;
    Ok(())
}

/// Every key, expired and revoked ones too, oldest first.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn list(store: &Store) -> Result<Vec<KeyRow>, StoreError> {
    let rows = sqlx::query("SELECT * FROM keys ORDER BY created, id").fetch_all(store.reader()).await?;
    rows.iter().map(key_row).collect()
}

/// Ends a key at `at`. False when there is no such key, or it was revoked before.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn revoke(store: &Store, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    let query = sqlx::query("UPDATE keys SET revoked = $2 WHERE id = $1 AND revoked IS NULL");
    let done = query.bind(id).bind(micros(at)).execute(store.writer()?).await?;
    Ok(done.rows_affected() > 0)
}

fn key_row(row: &SqliteRow) -> Result<KeyRow, StoreError> {
    let role: String = row.try_get("role")?;
    let hash: Vec<u8> = row.try_get("hash")?;
    let time = |name| row.try_get::<Option<i64>, _>(name)?.map(timestamp).transpose();
    Ok(KeyRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: role.parse().map_err(|e: UnknownRole| StoreError::Corrupt(e.to_string()))?,
        origins: from_json(row.try_get("origins")?)?,
        hash: hash.try_into().map_err(|_| StoreError::Corrupt("a key's hash is not 32 bytes".into()))?,
        created: timestamp(row.try_get("created")?)?,
        expires: time("expires")?,
        revoked: time("revoked")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{at, test_store};

    fn random() -> [u8; RANDOM_BYTES] {
        std::array::from_fn(|n| (n as u8).wrapping_mul(37))
    }

    fn row(minted: &Minted, role: Role) -> KeyRow {
        let (id, hash) = (minted.id.clone(), minted.hash);
        let (created, origins) = (at(0), vec!["https://shop.example".to_owned()]);
        KeyRow { id, name: "shop".into(), role, origins, hash, created, expires: Some(at(9)), revoked: None }
    }

    #[test]
    fn a_minted_token_is_parsed_and_matches_its_row_alone() {
        let minted = mint(Role::Serve, &random());
        assert!(
            minted.token.starts_with("crk_") && minted.token.len() == 4 + 12 + 1 + 40,
            "{}",
            minted.token
        );
        let token = parse_token(&minted.token).unwrap();
        assert!(row(&minted, Role::Serve).matches(&token));
        assert!(!row(&minted, Role::Publishable).matches(&token));
        let mut other = row(&minted, Role::Serve);
        other.hash[31] ^= 1;
        assert!(!other.matches(&token));
        assert!(mint(Role::Publishable, &random()).token.starts_with("crp_"));
    }

    #[test]
    fn what_is_not_built_like_a_token_is_none() {
        let good = mint(Role::Serve, &random()).token;
        let (longer, upper) = (format!("{good}a"), good.to_ascii_uppercase());
        let (shorter, headless) =
            (good.strip_suffix(good.chars().last().unwrap()).unwrap(), good.get(1..).unwrap());
        for text in ["", "crk_", "crk__", headless, shorter, &longer, &upper, "crk_é_é"] {
            assert_eq!(parse_token(text), None, "{text}");
        }
    }

    #[test]
    fn roles_do_not_include_each_other_save_admin() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            for needed in Role::ALL {
                let expected = role == needed || (role == Role::Admin && needed != Role::Publishable);
                assert_eq!(role.allows(needed), expected, "{role} {needed}");
            }
        }
        let fault = "root".parse::<Role>().unwrap_err();
        assert!(fault.to_string().starts_with("`root` is no role; write `serve`"));
    }

    #[test]
    fn a_key_may_come_from_its_origins_however_they_were_typed() {
        let mut key = row(&mint(Role::Publishable, &random()), Role::Publishable);
        key.origins = ["https://Shop.example:443/", "http://localhost:3000", "shop.example", ""]
            .map(String::from)
            .into();
        for (address, may) in [
            ("https://shop.example", true),
            ("https://shop.example/lamps?page=2#top", true),
            ("http://localhost:3000", true),
            ("http://shop.example", false),
            ("https://www.shop.example", false),
            ("https://shop.example.evil.example", false),
            ("https://shop.example@evil.example/", false),
            ("https://evil.example/https://shop.example", false),
            ("https://shop.example:8443", false),
            ("http://localhost", false),
            ("shop.example", false),
            ("null", false),
            ("file:///shop.example", false),
            ("data:text/html,x", false),
            ("", false),
        ] {
            let origin = origin_of(address);
            assert_eq!(origin.is_some_and(|origin| key.may_come_from(&origin)), may, "{address}");
        }
    }

    #[tokio::test]
    async fn keys_are_kept_expire_and_are_revoked_once() {
        let held = test_store().await;
        let key = row(&mint(Role::Publishable, &random()), Role::Publishable);
        insert(&held.store, &key).await.unwrap();
        assert_eq!(list(&held.store).await.unwrap(), std::slice::from_ref(&key));
        assert!(key.holds(at(8)) && !key.holds(at(9)));

        assert!(revoke(&held.store, &key.id, at(5)).await.unwrap());
        assert!(!revoke(&held.store, &key.id, at(6)).await.unwrap());
        assert!(!revoke(&held.store, "nobody", at(6)).await.unwrap());
        let revoked = list(&held.store).await.unwrap().remove(0);
        assert!(revoked.holds(at(4)) && !revoked.holds(at(5)));
    }
}
