//! Product facts: where a product page names only an id, this is what is true of it. Knows nothing of what facts are
//! used for.

mod import;
mod lookup;

pub use import::{ImportError, Imported, LineFault, import};
pub use lookup::{Catalogue, look_up, look_up_many, page, search};

use serde_json::{Map, Value};

use crate::guardrail::{Prepared, facts_hash};
use crate::store::{Store, StoreError, products};

/// The most characters a product's id may have.
pub const MAX_ID: usize = 200;

/// What is true of one product.
#[derive(Debug, Default)]
pub struct Product {
    /// Its id in the shop; empty when facts were given in a request without one.
    pub id: String,
    /// The facts: always an object with a `name` that is not empty.
    pub facts: Value,
    /// The hash of the facts, whatever their order, as [`crate::guardrail::facts_hash`] makes it.
    pub hash: [u8; 32],
    /// What rules that read these facts keep of them.
    pub prepared: Prepared,
}

impl Product {
    /// A product whose facts came with a request, in place of the catalogue's.
    ///
    /// # Errors
    ///
    /// When the facts are no object, have no `name`, or an id that is not one.
    pub fn inline(facts: Value) -> Result<Self, FactsError> {
        let (id, facts) = checked(facts)?;
        Ok(Self::new(id.unwrap_or_default(), facts))
    }

    /// The same product with other facts.
    #[must_use]
    pub fn with(&self, facts: Map<String, Value>) -> Self {
        Self::new(self.id.clone(), Value::Object(facts))
    }

    fn new(id: String, facts: Value) -> Self {
        let hash = facts.as_object().map(facts_hash).unwrap_or_default();
        Self { id, facts, hash, prepared: Prepared::default() }
    }
}

/// Why facts cannot be a product's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// Not a JSON object.
    #[error("a product's facts are a JSON object, such as {{\"id\": \"17\", \"name\": \"Kettle\"}}")]
    NotAnObject,
    /// `name` is missing or empty.
    #[error("`name` is missing or empty; write the product's name as a string")]
    Name,
    /// `id` or `product_id` is not usable.
    #[error(
        "`id` is no product id; write a string of 1 to 200 characters without control characters, or a whole number"
    )]
    Id,
    /// Neither `id` nor `product_id` is there, where one is needed.
    #[error("`id` is missing; write the product's id as `id` or `product_id`")]
    NoId,
}

/// Checks facts, and writes the id into them as a string if they have one.
fn checked(mut facts: Value) -> Result<(Option<String>, Value), FactsError> {
    let object = facts.as_object_mut().ok_or(FactsError::NotAnObject)?;
    if object.get("name").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        return Err(FactsError::Name);
    }
    let present = |name| object.get(name).filter(|id| !id.is_null());
    let id = match present("id").or_else(|| present("product_id")) {
        None => return Ok((None, facts)),
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) if id.is_i64() || id.is_u64() => id.to_string(),
        Some(_) => return Err(FactsError::Id),
    };
    if id.is_empty() || id.chars().count() > MAX_ID || id.chars().any(char::is_control) {
        return Err(FactsError::Id);
    }
    object.insert("id".to_owned(), Value::String(id.clone()));
    Ok((Some(id), facts))
}

/// How many products the catalogue has.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn count(store: &Store) -> Result<u64, StoreError> {
    Ok(u64::try_from(products::count(store).await?).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_in_a_request_need_a_name_and_may_have_an_id() {
        let product =
            Product::inline(json!({"id": 17, "name": "Kettle", "features": {"watts": 2200}})).unwrap();
        assert_eq!((product.id.as_str(), &product.facts["id"]), ("17", &json!("17")));
        assert_eq!(Product::inline(json!({"name": "Kettle"})).unwrap().id, "");
        let fault = |facts| Product::inline(facts).unwrap_err();
        assert_eq!(fault(json!("Kettle")), FactsError::NotAnObject);
        assert_eq!(fault(json!({"id": "1", "name": " "})), FactsError::Name);
        assert_eq!(fault(json!({"id": 1.5, "name": "Kettle"})), FactsError::Id);
        assert_eq!(fault(json!({"id": "", "name": "Kettle"})), FactsError::Id);
        assert_eq!(fault(json!({"id": "a\nb", "name": "Kettle"})), FactsError::Id);
    }

    #[test]
    fn the_hash_is_of_what_the_facts_say_not_of_their_order() {
        let product = |text: &str| Product::inline(serde_json::from_str(text).unwrap()).unwrap();
        let one = product(r#"{"id": "1", "name": "Kettle", "colour": "red"}"#);
        assert_eq!(one.hash, product(r#"{"colour":"red","name":"Kettle","id":1}"#).hash);
        assert_ne!(one.hash, product(r#"{"colour":"blue","name":"Kettle","id":1}"#).hash);
    }
}
