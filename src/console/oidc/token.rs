//! ID tokens: who signed them, for whom, until when.

use jiff::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What may sign: keys of which only the provider has the other half.
const ALLOWED: &[Algorithm] = &[Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;
/// How old a token may be, in seconds: it was made while somebody waited.
const OLDEST: i64 = 600;
/// The most keys that are looked at.
const MOST_KEYS: usize = 100;

/// The keys that a provider signs with. What cannot be read, such as keys of kinds that nobody here knows, is left out.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Jwk>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set = Set::deserialize(deserializer)?;
        let keys = set.keys.into_iter().take(MOST_KEYS);
        Ok(Self(keys.filter_map(|key| serde_json::from_value(key).ok()).collect()))
    }
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'e> {
    pub(super) issuer: &'e str,
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
    pub(super) now: Timestamp,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is signed with a key that the provider did not name.
    UnknownKey,
    /// Anything else, in a sentence.
    Wrong(&'static str),
}

impl Fault {
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::UnknownKey => "the token is signed with a key that the provider does not name",
            Self::Wrong(why) => why,
        }
    }
}

/// The claims of a token that is as it must be.
pub(super) fn verify(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Map<String, Value>, Fault> {
    let header =
        decode_header(token).map_err(|_| Fault::Wrong("the token has no header that can be read"))?;
    if !ALLOWED.contains(&header.alg) {
        return Err(Fault::Wrong("the token is signed in a way that is not allowed"));
    }
    let fits = |key: &&Jwk| is_for(key, header.alg);
    let mut named =
        keys.0.iter().filter(|key| key.common.key_id == header.kid || header.kid.is_none()).filter(fits);
    let key = named.next().ok_or(Fault::UnknownKey)?;
    if named.next().is_some() {
        return Err(Fault::Wrong("the token does not say which of several keys it is signed with"));
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| Fault::Wrong("the provider's key cannot be used"))?;
    let mut validation = Validation::new(header.alg);
    // The rest is looked at below, by the service's own clock.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let token = decode::<Map<String, Value>>(token, &key, &validation)
        .map_err(|_| Fault::Wrong("the token is not signed by the provider"))?;
    match wrong(&token.claims, expected) {
        Some(why) => Err(Fault::Wrong(why)),
        None => Ok(token.claims),
    }
}

/// Whether a key is one to verify signatures of this kind with.
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind_fits = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::PS256) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let is_own = key.common.key_algorithm.is_none_or(|own| own.to_string() == format!("{algorithm:?}"));
    kind_fits
        && is_own
        && key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
}

fn wrong(claims: &Map<String, Value>, expected: &Expected<'_>) -> Option<&'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    #[expect(clippy::cast_possible_truncation, reason = "beyond all times that there are it is clamped")]
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds as i64);
    let now = expected.now.as_second();
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().map(|one| one.as_str().unwrap_or_default()).collect(),
        _ => Vec::new(),
    };
    let party = claims.get("azp").map(|azp| azp.as_str().unwrap_or_default());
    let nonce = blake3::hash(text("nonce").unwrap_or_default().as_bytes());
    if text("iss") != Some(expected.issuer) {
        Some("the token is of another issuer")
    } else if !audience.contains(&expected.client_id) {
        Some("the token is for another client")
    } else if party.is_some_and(|party| party != expected.client_id)
        || (audience.len() > 1 && party.is_none())
    {
        Some("the token was given to another client")
    } else if time("exp").is_none_or(|ends| ends.saturating_add(LEEWAY) <= now) {
        Some("the token has expired")
    } else if time("nbf").is_some_and(|begins| begins.saturating_sub(LEEWAY) > now) {
        Some("the token does not hold yet")
    } else if time("iat")
        .is_none_or(|made| made.saturating_sub(LEEWAY) > now || made.saturating_add(OLDEST) < now)
    {
        Some("the token was not made just now")
    } else if nonce != blake3::hash(expected.nonce.as_bytes()) {
        Some("the token is for another sign-in")
    } else {
        None
    }
}
