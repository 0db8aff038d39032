//! What the log is searched with: which entries hold a minute's records, which hold a term or a word. All of it can be made
//! anew from the chain and is evidence of nothing. Knows nothing of what terms mean.

use sqlx::query_builder::QueryBuilder;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row, Sqlite, SqliteConnection};

use super::log::{Append, PayloadRow, Snapshot};
use super::{Store, StoreError};

/// How many rows of serves one statement takes.
const ROWS: usize = 64;

/// How many bytes of entries are read at once, payloads aside.
const BYTES: i64 = 256 * 1024;

/// An entry as it is to be indexed.
pub(crate) struct Indexable {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) payload: Option<PayloadRow>,
}

/// Up to which entry the indexes reach, how they are made, up to which entry things are counted, and which entry is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) indexed: i64,
    pub(crate) format: i64,
    pub(crate) counted: i64,
    pub(crate) last: i64,
}

/// How far the indexes reach.
pub(crate) async fn reach(store: &Store) -> Result<Reach, StoreError> {
    read_reach(&mut *store.reader().acquire().await?).await
}

pub(super) async fn read_reach(connection: &mut SqliteConnection) -> Result<Reach, StoreError> {
    let query = sqlx::query_as(
        "SELECT coalesce((SELECT value FROM meta WHERE name = 'indexed'), 0),
                coalesce((SELECT value FROM meta WHERE name = 'index_format'), 0),
                coalesce((SELECT value FROM meta WHERE name = 'counted'), 0),
                coalesce((SELECT max(seq) FROM chain), 0)",
    );
    let (indexed, format, counted, last) = query.fetch_one(connection).await?;
    Ok(Reach { indexed, format, counted, last })
}

/// Writing the indexes, in the same transaction as what they are told by.
impl Append {
    /// How far the indexes reach.
    pub(crate) async fn reach(&mut self) -> Result<Reach, StoreError> {
        read_reach(&mut self.0).await
    }

    /// The next entries after `after`, in order: at most `limit`, and no more than [`BYTES`] together where the first alone is
    /// not more. What would be read and left for the next transaction would be read twice.
    pub(crate) async fn indexable(&mut self, after: i64, limit: u32) -> Result<Vec<Indexable>, StoreError> {
        // The length of a blob stands at its row's beginning: none of it is read.
        let query =
            sqlx::query_as("SELECT seq, length(bytes) FROM chain WHERE seq > $1 ORDER BY seq LIMIT $2");
        let sizes: Vec<(i64, i64)> = query.bind(after).bind(limit).fetch_all(&mut *self.0).await?;
        let Some(mut until) = sizes.first().map(|(seq, _)| *seq) else { return Ok(Vec::new()) };
        let mut read = 0;
        for (seq, size) in sizes {
            read += size;
            if read > BYTES {
                break;
            }
            until = seq;
        }
        let query = sqlx::query(
            "SELECT c.seq, c.kind, c.bytes, p.seq AS payload_seq, p.salt, p.bytes AS payload
             FROM chain c LEFT JOIN payloads p ON p.seq = c.seq AND c.kind = 'generation'
             WHERE c.seq > $1 AND c.seq <= $2 ORDER BY c.seq",
        );
        let rows = query.bind(after).bind(until).fetch_all(&mut *self.0).await?;
        let indexable = |row: &sqlx::sqlite::SqliteRow| {
            let payload = match row.try_get::<Option<i64>, _>("payload_seq")? {
                Some(_) => Some(PayloadRow { salt: row.try_get("salt")?, bytes: row.try_get("payload")? }),
                None => None,
            };
            let (seq, kind, bytes) = (row.try_get("seq")?, row.try_get("kind")?, row.try_get("bytes")?);
            Ok(Indexable { seq, kind, bytes, payload })
        };
        rows.iter().map(indexable).collect()
    }

    /// Says that everything up to this entry is indexed.
    pub(crate) async fn indexed(&mut self, seq: i64) -> Result<(), StoreError> {
        self.set("indexed", seq).await
    }

    /// Says that everything up to this entry is counted. That is never begun anew: what was counted may be gone since.
    pub(crate) async fn counted(&mut self, seq: i64) -> Result<(), StoreError> {
        self.set("counted", seq).await
    }

    async fn set(&mut self, name: &str, value: i64) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO UPDATE SET value = excluded.value",
        );
        query.bind(name).bind(value).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Empties the indexes, to be made anew in this way.
    pub(crate) async fn clear_indexes(&mut self, format: i64) -> Result<(), StoreError> {
        let script = "INSERT INTO generation_index (generation_index) VALUES ('delete-all');
                      INSERT INTO serve_index (serve_index) VALUES ('delete-all');
                      INSERT INTO text_index (text_index) VALUES ('delete-all');
                      DELETE FROM minutes; DELETE FROM text_rows; DELETE FROM review_states;";
        sqlx::raw_sql(script).execute(&mut *self.0).await?;
        self.set("index_format", format).await?;
        self.indexed(0).await
    }

    /// Records of this minute (since 1970) stand in this entry.
    pub(crate) async fn index_minute(&mut self, minute: i64, seq: i64) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO minutes (minute, first, last) VALUES ($1, $2, $2) ON CONFLICT DO UPDATE SET
             first = min(first, excluded.first), last = max(last, excluded.last)",
        );
        query.bind(minute).bind(seq).execute(&mut *self.0).await?;
        Ok(())
    }

    /// A generation is found by these terms and words.
    pub(crate) async fn index_generation(
        &mut self,
        seq: i64,
        terms: &str,
        words: &str,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("INSERT INTO generation_index (rowid, terms, words) VALUES ($1, $2, $3)");
        query.bind(seq).bind(terms).bind(words).execute(&mut *self.0).await?;
        Ok(())
    }

    /// A generation is not found any more. Terms and words must be the very ones that it was indexed with.
    pub(crate) async fn unindex_generation(
        &mut self,
        seq: i64,
        terms: &str,
        words: &str,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO generation_index (generation_index, rowid, terms, words) VALUES ('delete', $1, $2, $3)",
        );
        query.bind(seq).bind(terms).bind(words).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Serves are found by these terms: each row's after its number.
    pub(crate) async fn index_serves(&mut self, rows: &[(i64, String)]) -> Result<(), StoreError> {
        for chunk in rows.chunks(ROWS) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO serve_index (rowid, terms) ");
            insert.push_values(chunk, |mut row, (number, terms)| {
                row.push_bind(*number).push_bind(terms.as_str());
            });
            insert.build().execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// Serves are not found any more. Terms must be the very ones that they were indexed with.
    pub(crate) async fn unindex_serves(&mut self, rows: &[(i64, String)]) -> Result<(), StoreError> {
        for chunk in rows.chunks(ROWS) {
            let mut insert =
                QueryBuilder::<Sqlite>::new("INSERT INTO serve_index (serve_index, rowid, terms) ");
            insert.push_values(chunk, |mut row, (number, terms)| {
                row.push_bind("delete").push_bind(*number).push_bind(terms.as_str());
            });
            insert.build().execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// A text that is no generation's is found by its words, if it is there and was not indexed before.
    pub(crate) async fn index_text(&mut self, hash: &str) -> Result<(), StoreError> {
        let known = sqlx::query("SELECT 1 FROM text_rows WHERE hash = $1");
        if known.bind(hash).fetch_optional(&mut *self.0).await?.is_some() {
            return Ok(());
        }
        let text = sqlx::query_scalar("SELECT text FROM texts WHERE hash = $1");
        let text: Option<String> = text.bind(hash).fetch_optional(&mut *self.0).await?;
        let Some(text) = text else { return Ok(()) };
        let row = sqlx::query("INSERT INTO text_rows (hash) VALUES ($1)");
        let row = row.bind(hash).execute(&mut *self.0).await?.last_insert_rowid();
        let query = sqlx::query("INSERT INTO text_index (rowid, words) VALUES ($1, $2)");
        query.bind(row).bind(text).execute(&mut *self.0).await?;
        Ok(())
    }

    /// A text is not found any more.
    pub(crate) async fn unindex_text(&mut self, hash: &str, text: &str) -> Result<(), StoreError> {
        let row = sqlx::query_scalar("DELETE FROM text_rows WHERE hash = $1 RETURNING row");
        let row: Option<i64> = row.bind(hash).fetch_optional(&mut *self.0).await?;
        let Some(row) = row else { return Ok(()) };
        let query =
            sqlx::query("INSERT INTO text_index (text_index, rowid, words) VALUES ('delete', $1, $2)");
        query.bind(row).bind(text).execute(&mut *self.0).await?;
        Ok(())
    }

    /// The entry of a generation, by its id.
    pub(crate) async fn generation_entry(&mut self, id: &str) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar("SELECT seq FROM generations WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.0).await?)
    }

    /// A generation stands like this with those who review, and in no other way; `None`: in none.
    pub(crate) async fn index_state(&mut self, seq: i64, state: Option<&str>) -> Result<(), StoreError> {
        let query = sqlx::query(
            "DELETE FROM review_states
             WHERE state IN ('awaiting', 'approved', 'rejected', 'flagged') AND seq = $1",
        );
        query.bind(seq).execute(&mut *self.0).await?;
        match state {
            Some(state) => self.index_state_too(seq, state).await,
            None => Ok(()),
        }
    }

    /// A generation stands like this too.
    pub(crate) async fn index_state_too(&mut self, seq: i64, state: &str) -> Result<(), StoreError> {
        let query =
            sqlx::query("INSERT INTO review_states (state, seq) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        query.bind(state).bind(seq).execute(&mut *self.0).await?;
        Ok(())
    }
}

/// Rows from `from` on and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// What stands in an entry.
pub(crate) struct Found {
    pub(crate) seq: i64,
    pub(crate) bytes: Vec<u8>,
}

/// A generation's entry with its payload.
pub(crate) struct FoundGeneration {
    pub(crate) bytes: Vec<u8>,
    pub(crate) payload: Option<PayloadRow>,
}

/// Reading the indexes.
impl Snapshot {
    /// How far the indexes reach.
    pub(crate) async fn reach(&mut self) -> Result<Reach, StoreError> {
        read_reach(&mut self.0).await
    }

    /// The first and the last entry that hold records of these minutes, both included, as far as they are indexed.
    pub(crate) async fn minutes(&mut self, since: i64, until: i64) -> Result<Option<(i64, i64)>, StoreError> {
        let query =
            sqlx::query_as("SELECT min(first), max(last) FROM minutes WHERE minute BETWEEN $1 AND $2");
        let (first, last): (Option<i64>, Option<i64>) =
            query.bind(since).bind(until).fetch_one(&mut *self.0).await?;
        Ok(first.zip(last))
    }

    /// The entries of generations, newest first: of those that an expression finds and that stand like this with those who
    /// review.
    pub(crate) async fn generation_rows(
        &mut self,
        expression: Option<&str>,
        state: Option<&str>,
        rows: Rows,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let sql = match (expression, state) {
            (Some(_), Some(_)) => {
                "SELECT rowid FROM generation_index AS g
                 WHERE generation_index MATCH $1 AND rowid >= $3 AND rowid < $4
                   AND EXISTS (SELECT 1 FROM review_states s WHERE s.state = $2 AND s.seq = g.rowid)
                 ORDER BY rowid DESC LIMIT $5"
            }
            (Some(_), None) => {
                "SELECT rowid FROM generation_index WHERE generation_index MATCH $1 AND rowid >= $3 AND rowid < $4
                 ORDER BY rowid DESC LIMIT $5"
            }
            (None, Some(_)) => {
                "SELECT seq FROM review_states WHERE state = $2 AND seq >= $3 AND seq < $4
                 ORDER BY seq DESC LIMIT $5"
            }
            (None, None) => {
                "SELECT seq FROM generations WHERE seq >= $3 AND seq < $4 ORDER BY seq DESC LIMIT $5"
            }
        };
        let query = sqlx::query_scalar(sql).bind(expression).bind(state);
        Ok(query.bind(rows.from).bind(rows.to).bind(limit).fetch_all(&mut *self.0).await?)
    }

    /// How many generations stand like this with those who review.
    pub(crate) async fn standing(&mut self, state: &str) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar("SELECT count(*) FROM review_states WHERE state = $1");
        Ok(query.bind(state).fetch_one(&mut *self.0).await?)
    }

    /// The rows of serves that an expression finds, newest first.
    pub(crate) async fn serve_rows(
        &mut self,
        expression: &str,
        rows: Rows,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT rowid FROM serve_index WHERE serve_index MATCH $1 AND rowid >= $2 AND rowid < $3
             ORDER BY rowid DESC LIMIT $4",
        );
        Ok(query.bind(expression).bind(rows.from).bind(rows.to).bind(limit).fetch_all(&mut *self.0).await?)
    }

    /// The hashes of texts that an expression finds.
    pub(crate) async fn text_hashes(
        &mut self,
        expression: &str,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT t.hash FROM (SELECT rowid AS row FROM text_index WHERE text_index MATCH $1 LIMIT $2) AS f
             JOIN text_rows t ON t.row = f.row",
        );
        Ok(query.bind(expression).bind(limit).fetch_all(&mut *self.0).await?)
    }

    /// The ids of the generations with these entries.
    pub(crate) async fn generation_ids(&mut self, entries: &[i64]) -> Result<Vec<String>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM generations WHERE seq IN (");
        let mut list = query.separated(", ");
        for seq in entries {
            list.push_bind(*seq);
        }
        query.push(")");
        Ok(query.build_query_scalar().fetch_all(&mut *self.0).await?)
    }

    /// Entries of a kind by their numbers, newest first; those that were deleted for their age are passed over.
    pub(crate) async fn entries_of(&mut self, kind: &str, entries: &[i64]) -> Result<Vec<Found>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT seq, bytes FROM chain WHERE seq IN (");
        let mut list = query.separated(", ");
        for seq in entries {
            list.push_bind(*seq);
        }
        query.push(") AND bytes <> x'' AND kind = ").push_bind(kind.to_owned());
        query.push(" ORDER BY seq DESC");
        let found: Vec<(i64, Vec<u8>)> = query.build_query_as().fetch_all(&mut *self.0).await?;
        Ok(found.into_iter().map(|(seq, bytes)| Found { seq, bytes }).collect())
    }

    /// The numbers of the entries of a kind whose last record was made from this time on (microseconds since 1970), newest
    /// first.
    pub(crate) async fn entries_since(
        &mut self,
        kind: &str,
        since: i64,
        rows: Rows,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT seq FROM chain WHERE seq >= $1 AND seq < $2 AND kind = $3 AND at >= $4 ORDER BY seq DESC LIMIT $5",
        );
        let query = query.bind(rows.from).bind(rows.to).bind(kind).bind(since).bind(limit);
        Ok(query.fetch_all(&mut *self.0).await?)
    }

    /// The same, oldest first.
    pub(crate) async fn blocks_since(
        &mut self,
        kind: &str,
        since: i64,
        rows: Rows,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT seq FROM chain WHERE seq >= $1 AND seq < $2 AND kind = $3 AND at >= $4 ORDER BY seq LIMIT $5",
        );
        let query = query.bind(rows.from).bind(rows.to).bind(kind).bind(since).bind(limit);
        Ok(query.fetch_all(&mut *self.0).await?)
    }

    /// The numbers of the generations that were reviewed after an entry.
    pub(crate) async fn reviewed_after(&mut self, after: i64) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT g.seq FROM (SELECT DISTINCT generation FROM reviews WHERE seq > $1) AS r
             JOIN generations g ON g.id = r.generation",
        );
        Ok(query.bind(after).fetch_all(&mut *self.0).await?)
    }

    /// The latest decision on a generation, by its id.
    pub(crate) async fn decision(&mut self, generation: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT decision FROM reviews WHERE generation = $1 AND decision IS NOT NULL
             ORDER BY seq DESC LIMIT 1",
        );
        Ok(query.bind(generation).fetch_optional(&mut *self.0).await?)
    }

    /// A generation's entry and payload, by its id.
    pub(crate) async fn generation(&mut self, id: &str) -> Result<Option<FoundGeneration>, StoreError> {
        let query = sqlx::query(
            "SELECT c.bytes, p.seq AS payload_seq, p.salt, p.bytes AS payload
             FROM generations g JOIN chain c ON c.seq = g.seq LEFT JOIN payloads p ON p.seq = g.seq WHERE g.id = $1",
        );
        let Some(row) = query.bind(id).fetch_optional(&mut *self.0).await? else { return Ok(None) };
        let payload = match row.try_get::<Option<i64>, _>("payload_seq")? {
            Some(_) => Some(PayloadRow { salt: row.try_get("salt")?, bytes: row.try_get("payload")? }),
            None => None,
        };
        Ok(Some(FoundGeneration { bytes: row.try_get("bytes")?, payload }))
    }

    /// What stands beside an entry.
    pub(crate) async fn payload(&mut self, seq: i64) -> Result<Option<PayloadRow>, StoreError> {
        let query = sqlx::query("SELECT salt, bytes FROM payloads WHERE seq = $1");
        let row = query.bind(seq).fetch_optional(&mut *self.0).await?;
        row.map(|row| Ok(PayloadRow { salt: row.try_get("salt")?, bytes: row.try_get("bytes")? })).transpose()
    }

    /// A text that is no generation's, by its hash.
    pub(crate) async fn text(&mut self, hash: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT text FROM texts WHERE hash = $1");
        Ok(query.bind(hash).fetch_optional(&mut *self.0).await?)
    }
}

/// Tells which texts hold the words that an expression asks for, just as the indexes of words would, without one.
pub(crate) struct Words(SqliteConnection);

impl Words {
    pub(crate) async fn new() -> Result<Self, StoreError> {
        let mut memory = SqliteConnectOptions::new().in_memory(true).connect().await?;
        let table =
            "CREATE VIRTUAL TABLE held USING fts5 (words, tokenize = \"unicode61 remove_diacritics 2\")";
        sqlx::raw_sql(table).execute(&mut memory).await?;
        Ok(Self(memory))
    }

    /// For each text whether it holds them.
    pub(crate) async fn held(&mut self, expression: &str, texts: &[&str]) -> Result<Vec<bool>, StoreError> {
        sqlx::raw_sql("DELETE FROM held").execute(&mut self.0).await?;
        for (row, text) in (0_i64..).zip(texts) {
            let insert = sqlx::query("INSERT INTO held (rowid, words) VALUES ($1, $2)");
            insert.bind(row).bind(*text).execute(&mut self.0).await?;
        }
        let query = sqlx::query_scalar("SELECT rowid FROM held WHERE held MATCH $1");
        let rows: Vec<i64> = query.bind(expression).fetch_all(&mut self.0).await?;
        Ok((0_i64..).zip(texts).map(|(row, _)| rows.contains(&row)).collect())
    }
}
