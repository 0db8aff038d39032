//! Looking products up by id, in the store or from memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use moka::sync::Cache;
use serde_json::{Map, Value};

use super::Product;
use crate::store::{Store, StoreError, products};

/// What the cache may hold, in bytes.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// What moka and the entry itself take beside the facts, in bytes.
const OVERHEAD: usize = 500;
/// How much larger facts are in memory than as JSON text: every name and value is an allocation of its own, and rules
/// keep beside them what they read there.
const IN_MEMORY: usize = 12;

/// Reads a product's facts from the store. `None` when the catalogue has no such product.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn look_up(store: &Store, id: &str) -> Result<Option<Product>, StoreError> {
    let (_, facts) = products::facts(store, id).await?;
    facts.map(|facts| read(id, &facts)).transpose()
}

/// The facts of many products at once, each after its product's id; those that the catalogue lacks are left out, and so are
/// those that cannot be read.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn look_up_many(
    store: &Store,
    ids: &[String],
) -> Result<Vec<(String, Map<String, Value>)>, StoreError> {
    Ok(read_many(products::facts_of(store, ids).await?))
}

/// The next products after the id `after`, in the order of their ids, at most `limit`, and how far they reach; `None` at
/// the end. Those that cannot be read are left out.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn page(
    store: &Store,
    after: &str,
    limit: u32,
) -> Result<Option<(Vec<(String, Map<String, Value>)>, String)>, StoreError> {
    let page = products::page(store, after, limit).await?;
    let last = page.last().map(|(id, _)| id.clone());
    Ok(last.map(|last| (read_many(page), last)))
}

/// At most so many products whose id begins with these words, or whose name holds them, each after its id. No words find
/// nothing, and neither do more than [`super::MAX_ID`] characters.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn search(
    store: &Store,
    words: &str,
    limit: u32,
) -> Result<Vec<(String, Map<String, Value>)>, StoreError> {
    /// How many names are looked at.
    const NAMES: u32 = 100_000;
    let words = words.trim();
    if words.is_empty() || words.chars().count() > super::MAX_ID {
        return Ok(Vec::new());
    }
    let ids = products::search(store, words, limit, NAMES).await?;
    let mut found = look_up_many(store, &ids).await?;
    // In the order found: those whose id begins so first.
    found.sort_by_key(|(id, _)| ids.iter().position(|at| at == id));
    Ok(found)
}

fn read_many(products: Vec<(String, String)>) -> Vec<(String, Map<String, Value>)> {
    let read = |(id, facts): (String, String)| match serde_json::from_str(&facts) {
        Ok(facts) => Some((id, facts)),
        Err(error) => {
            tracing::error!(product = id, %error, "a product's facts cannot be read; it is left out");
            None
        }
    };
    products.into_iter().filter_map(read).collect()
}

fn read(id: &str, facts: &str) -> Result<Product, StoreError> {
    let facts =
        serde_json::from_str(facts).map_err(|e| StoreError::Corrupt(format!("product `{id}`: {e}")))?;
    Ok(Product::new(id.to_owned(), facts))
}

/// Product look-ups kept in memory, those that found nothing too.
#[derive(Debug)]
pub struct Catalogue {
    store: Store,
    cache: Cache<String, Entry>,
    /// The edition known to be in force. An entry of an older one is not used.
    edition: AtomicI64,
}

#[derive(Clone, Debug)]
struct Entry {
    edition: i64,
    product: Option<Arc<Product>>,
    weight: u32,
}

impl Catalogue {
    /// A catalogue over what the store holds, with nothing in memory yet.
    pub fn new(store: Store) -> Self {
        let cache = Cache::builder().max_capacity(CAPACITY).weigher(|_, entry: &Entry| entry.weight).build();
        Self { store, cache, edition: AtomicI64::new(0) }
    }

    /// A product's facts, from memory where they are known. `None` when the catalogue has no such product.
    ///
    /// # Errors
    ///
    /// When the product is not in memory and the store cannot be read.
    pub async fn look_up(&self, id: &str) -> Result<Option<Arc<Product>>, StoreError> {
        if let Some(known) = self.cache.get(id)
            && known.edition >= self.edition.load(Ordering::Acquire)
        {
            return Ok(known.product);
        }
        let (edition, facts) = products::facts(&self.store, id).await?;
        let size = OVERHEAD + id.len() * 2 + facts.as_ref().map_or(0, String::len) * IN_MEMORY;
        let product = facts.map(|facts| read(id, &facts)).transpose()?.map(Arc::new);
        let weight = u32::try_from(size).unwrap_or(u32::MAX);
        self.cache.insert(id.to_owned(), Entry { edition, product: product.clone(), weight });
        Ok(product)
    }

    /// Learns whether another edition is in force, and then forgets what is older. One row is read: call it every
    /// second.
    ///
    /// # Errors
    ///
    /// When the store cannot be read; what is in memory then stays in use.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let edition = products::edition(&self.store).await?;
        // An older one is in force where a backup took the place of the store.
        if self.edition.swap(edition, Ordering::AcqRel) != edition {
            self.cache.invalidate_all();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::import;
    use crate::store::testing::test_store;

    #[tokio::test]
    async fn look_ups_are_remembered_until_the_edition_changes() {
        let held = test_store().await;
        let lines = |name: &str| format!("{{\"id\": 1, \"name\": \"{name}\"}}\n");
        import(&held.store, lines("Kettle").as_bytes(), false, |_| ()).await.unwrap();
        let catalogue = Catalogue::new(held.store.clone());
        catalogue.refresh().await.unwrap();
        let name = async |id: &str| {
            let product = catalogue.look_up(id).await.unwrap();
            product.map(|product| product.facts["name"].as_str().unwrap().to_owned())
        };
        assert_eq!(name("1").await.as_deref(), Some("Kettle"));
        assert_eq!(name("2").await, None);

        // Known answers, found or not, need no store; a refresh that changes nothing forgets nothing.
        catalogue.refresh().await.unwrap();
        held.tamper("UPDATE catalogue SET facts = '{}', product_id = '2'").await;
        assert_eq!(name("1").await.as_deref(), Some("Kettle"));
        assert_eq!(name("2").await, None);

        import(&held.store, lines("Teapot").as_bytes(), false, |_| ()).await.unwrap();
        assert_eq!(name("1").await.as_deref(), Some("Kettle"));
        catalogue.refresh().await.unwrap();
        assert_eq!(name("1").await.as_deref(), Some("Teapot"));
    }
}
