//! The tables of texts that wait for a person, of what people decided, and of who looks at what. Knows nothing of what
//! they mean.

use jiff::Timestamp;
use sqlx::query_builder::QueryBuilder;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite};

use super::log::Append;
use super::{Store, StoreError, micros, timestamp};

/// A text that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WaitingRow {
    pub(crate) generation: String,
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    pub(crate) placement: String,
    pub(crate) locale: String,
    pub(crate) cache_key: String,
    pub(crate) text: String,
    pub(crate) findings: i64,
    pub(crate) waited: i64,
    pub(crate) last: Option<Timestamp>,
    pub(crate) judged: String,
    pub(crate) held: String,
}

/// Equal texts of a placement in a locale that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupRow {
    pub(crate) text: String,
    pub(crate) placement: String,
    pub(crate) locale: String,
    pub(crate) count: i64,
    pub(crate) waited: i64,
    pub(crate) since: Timestamp,
    pub(crate) findings: i64,
    pub(crate) held: String,
    pub(crate) first: String,
}

/// What came of looking at a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JudgedRow {
    pub(crate) generation: String,
    pub(crate) findings: Option<i64>,
    pub(crate) held: String,
}

/// Which texts are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) placement: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) findings: Option<bool>,
    pub(crate) held: bool,
    pub(crate) reviewer: Option<String>,
}

/// A decision that somebody took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecisionRow {
    pub(crate) review: String,
    pub(crate) generation: String,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) decision: String,
    pub(crate) draw: i64,
}

/// An approval that a second person is to look at, or has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApprovalRow {
    pub(crate) generation: String,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) placement: String,
    pub(crate) edited: bool,
}

/// Which approvals are asked for that nobody has looked at a second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// Not those of this person.
    pub(crate) but: (String, Option<String>),
    /// Those drawn up to this number.
    pub(crate) share: i64,
    /// From this time on.
    pub(crate) since: Timestamp,
    /// Of this placement.
    pub(crate) placement: Option<String>,
}

/// Who is to look at the texts of a placement in a locale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssignmentRow {
    pub(crate) placement: String,
    pub(crate) locale: String,
    pub(crate) reviewer: String,
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

/// Who is assigned to what waits, as a subquery: for the locale, else for the placement as a whole.
const ASSIGNED: &str =
    "coalesce((SELECT s.reviewer FROM assignments s WHERE s.placement = a.placement AND s.locale = a.locale),
     (SELECT s.reviewer FROM assignments s WHERE s.placement = a.placement AND s.locale = ''))";

const WAITING: &str =
    "SELECT generation, seq, at, placement, locale, cache_key, text, findings, waited, last, judged, held
     FROM awaiting ";

impl Append {
    /// A text waits from now on, unless somebody decided on it. What is known of one that waits already stays.
    pub(crate) async fn await_review(&mut self, row: &WaitingRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO awaiting (generation, seq, at, placement, locale, cache_key, text, findings, waited, last, judged, held)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 WHERE NOT EXISTS (
                 SELECT 1 FROM decisions WHERE generation = $1 AND stands = 1)
             ON CONFLICT DO NOTHING",
        );
        let query = query.bind(&row.generation).bind(row.seq).bind(micros(row.at)).bind(&row.placement);
        let query = query.bind(&row.locale).bind(&row.cache_key).bind(&row.text).bind(row.findings);
        let query = query.bind(row.waited).bind(row.last.map(micros)).bind(&row.judged).bind(&row.held);
        query.execute(&mut *self.0).await?;
        Ok(())
    }

    /// A text waits no longer.
    pub(crate) async fn await_no_more(&mut self, generation: &str) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM awaiting WHERE generation = $1");
        query.bind(generation).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Texts of generations that began at or before an id wait no longer, as far as every field given says.
    pub(crate) async fn await_no_more_of(
        &mut self,
        until: &str,
        scope: [(&'static str, Option<&str>); 5],
    ) -> Result<(), StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("DELETE FROM awaiting WHERE generation <= ");
        sql.push_bind(until.to_owned());
        sql.push(" AND EXISTS (SELECT 1 FROM generations g WHERE g.id = awaiting.generation");
        for (field, value) in scope {
            if let Some(value) = value {
                sql.push(" AND g.").push(field).push(" = ").push_bind(value.to_owned());
            }
        }
        sql.push(")").build().execute(&mut *self.0).await?;
        Ok(())
    }

    /// So many pages more wanted a text that waits, the last of them then.
    pub(crate) async fn waited_for(
        &mut self,
        generation: &str,
        pages: i64,
        last: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE awaiting SET waited = waited + $2, last = max(coalesce(last, $3), $3) WHERE generation = $1",
        );
        query.bind(generation).bind(pages).bind(micros(last)).execute(&mut *self.0).await?;
        Ok(())
    }

    /// What waits for the same question as a generation is to be looked at anew.
    pub(crate) async fn judge_rivals_anew(&mut self, generation: &str) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE awaiting SET judged = '' WHERE cache_key = (SELECT cache_key FROM generations WHERE id = $1)",
        );
        query.bind(generation).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Keeps a decision, unless it is kept already; the latest on its generation stands. A decision on no generation that is
    /// known is none.
    pub(crate) async fn keep_decision(&mut self, row: &DecisionRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            r#"INSERT INTO decisions (review, generation, at, by, decision, stands, placement, segment, product, template, draw, waited)
               SELECT $1, g.id, $3, $4, $5, 0, g.placement, g.segment, g.product, g.template,
                      CASE WHEN instr(c.bytes, CAST('"edited":{"from"' AS BLOB)) > 0 THEN 0 ELSE $6 END,
                      coalesce((SELECT a.waited FROM awaiting a WHERE a.generation = g.id), 0)
               FROM generations g JOIN chain c ON c.seq = g.seq WHERE g.id = $2
               ON CONFLICT DO NOTHING"#,
        );
        let query = query.bind(&row.review).bind(&row.generation).bind(micros(row.at)).bind(&row.by);
        let new = query.bind(&row.decision).bind(row.draw).execute(&mut *self.0).await?.rows_affected() > 0;
        if new { self.settle_decisions(&row.generation).await } else { Ok(()) }
    }

    /// A decision was undone, and is as if it had never been taken; answers how many pages wanted the text by then.
    pub(crate) async fn drop_decision(&mut self, review: &str, generation: &str) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar("DELETE FROM decisions WHERE review = $1 RETURNING waited");
        let waited: Option<i64> = query.bind(review).fetch_optional(&mut *self.0).await?;
        let query = sqlx::query(
            "UPDATE decisions SET looked_by = NULL, looked_at = NULL, outcome = NULL
             WHERE generation = $1 AND outcome = 'overturned'",
        );
        query.bind(generation).execute(&mut *self.0).await?;
        self.settle_decisions(generation).await?;
        Ok(waited.unwrap_or(0))
    }

    /// The latest decision on a generation stands, and no other.
    async fn settle_decisions(&mut self, generation: &str) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE decisions SET stands = (review = (SELECT max(review) FROM decisions WHERE generation = $1))
             WHERE generation = $1",
        );
        query.bind(generation).execute(&mut *self.0).await?;
        Ok(())
    }

    /// A second person has looked at the approval of a generation that stood then. Nobody is a second person to their own.
    pub(crate) async fn keep_second_look(
        &mut self,
        (review, generation): (&str, &str),
        by: &str,
        at: Timestamp,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE decisions SET looked_by = $3, looked_at = $4, outcome = $5
             WHERE generation = $2 AND decision = 'approved' AND by <> $3 AND looked_by IS NULL
               AND review = (SELECT max(review) FROM decisions WHERE generation = $2 AND review < $1)",
        );
        let query = query.bind(review).bind(generation).bind(by).bind(micros(at)).bind(outcome);
        query.execute(&mut *self.0).await?;
        Ok(())
    }

    /// What was decided on a generation is forgotten with it.
    pub(crate) async fn forget_decisions(&mut self, generation: &str) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM decisions WHERE generation = $1");
        query.bind(generation).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Whether a text waits.
    pub(crate) async fn awaits(&mut self, generation: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM awaiting WHERE generation = $1");
        Ok(query.bind(generation).fetch_optional(&mut *self.0).await?.is_some())
    }

    /// Whether what stands beside a generation is still there.
    pub(crate) async fn has_payload(&mut self, generation: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT 1 FROM generations g JOIN payloads p ON p.seq = g.seq WHERE g.id = $1 AND p.bytes IS NOT NULL",
        );
        Ok(query.bind(generation).fetch_optional(&mut *self.0).await?.is_some())
    }
}

/// Groups of equal texts that wait: what pages wanted most first, then the oldest.
pub(crate) async fn groups(store: &Store, wanted: &Wanted, limit: u32) -> Result<Vec<GroupRow>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT text, placement, locale, count(*) AS count, sum(waited) AS waited, min(at) AS since,
                max(findings) AS findings, min(held) AS held, min(generation) AS first FROM awaiting a WHERE ",
    );
    narrow(&mut sql, wanted);
    sql.push(" GROUP BY text, placement, locale ORDER BY sum(waited) DESC, min(at), min(generation) LIMIT ");
    let rows = sql.push_bind(limit).build().fetch_all(store.reader()).await?;
    rows.iter()
        .map(|row| {
            Ok(GroupRow {
                text: row.try_get("text")?,
                placement: row.try_get("placement")?,
                locale: row.try_get("locale")?,
                count: row.try_get("count")?,
                waited: row.try_get("waited")?,
                since: timestamp(row.try_get("since")?)?,
                findings: row.try_get("findings")?,
                held: row.try_get("held")?,
                first: row.try_get("first")?,
            })
        })
        .collect()
}

/// How many groups of equal texts wait, and how many texts.
pub(crate) async fn count(store: &Store, wanted: &Wanted) -> Result<(i64, i64), StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT count(*), coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM awaiting a WHERE ",
    );
    narrow(&mut sql, wanted);
    sql.push(" GROUP BY text, placement, locale)");
    let row = sql.build().fetch_one(store.reader()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn narrow(sql: &mut QueryBuilder<Sqlite>, wanted: &Wanted) {
    sql.push("a.held ").push(if wanted.held { "<> ''" } else { "= ''" });
    if let Some(placement) = &wanted.placement {
        sql.push(" AND a.placement = ").push_bind(placement.clone());
    }
    if let Some(locale) = &wanted.locale {
        sql.push(" AND a.locale = ").push_bind(locale.clone());
    }
    match wanted.findings {
        Some(true) => _ = sql.push(" AND a.findings > 0"),
        Some(false) => _ = sql.push(" AND a.findings = 0"),
        None => {}
    }
    if let Some(reviewer) = &wanted.reviewer {
        sql.push(" AND coalesce(").push(ASSIGNED).push(", ").push_bind(reviewer.clone());
        sql.push(") = ").push_bind(reviewer.clone());
    }
}

/// A text that waits.
pub(crate) async fn one(store: &Store, generation: &str) -> Result<Option<WaitingRow>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(WAITING);
    sql.push("WHERE generation = ").push_bind(generation.to_owned());
    sql.build().fetch_optional(store.reader()).await?.as_ref().map(waiting_row).transpose()
}

/// What stands beside these generations, each after its id.
pub(crate) async fn payloads(
    store: &Store,
    generations: &[String],
) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT g.id, p.bytes FROM generations g JOIN payloads p ON p.seq = g.seq WHERE g.id IN (",
    );
    let mut list = sql.separated(", ");
    for generation in generations {
        list.push_bind(generation.clone());
    }
    sql.push(")");
    Ok(sql.build_query_as().fetch_all(store.reader()).await?)
}

/// The texts of a group, the oldest first.
pub(crate) async fn members(
    store: &Store,
    (text, placement, locale): (&str, &str, &str),
    limit: u32,
) -> Result<Vec<WaitingRow>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(WAITING);
    sql.push("WHERE text = ").push_bind(text.to_owned());
    sql.push(" AND placement = ").push_bind(placement.to_owned());
    sql.push(" AND locale = ").push_bind(locale.to_owned());
    sql.push(" ORDER BY generation LIMIT ").push_bind(limit);
    sql.build().fetch_all(store.reader()).await?.iter().map(waiting_row).collect()
}

/// Texts that were last looked at under other rules or stops than these, the most waited for first.
pub(crate) async fn to_judge(store: &Store, mark: &str, limit: u32) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT generation FROM awaiting WHERE judged <> $1 ORDER BY waited DESC, generation LIMIT $2",
    );
    Ok(query.bind(mark).bind(limit).fetch_all(store.reader()).await?)
}

/// Keeps what came of looking at texts anew. A newer text that a person approved for the same question goes before one that
/// waits, of which `superseded` is said then.
pub(crate) async fn keep_judged(
    store: &Store,
    mark: &str,
    judged: &[JudgedRow],
    superseded: &str,
) -> Result<(), StoreError> {
    if judged.is_empty() {
        return Ok(());
    }
    let mut writing = store.begin_write().await?;
    for row in judged {
        let query = sqlx::query(
            "UPDATE awaiting SET judged = $2, findings = coalesce($5, findings), held = CASE WHEN $3 = '' AND EXISTS (
                 SELECT 1 FROM generations g JOIN decisions d ON d.generation = g.id
                 WHERE g.outcome = 'passed' AND g.cache_key = awaiting.cache_key AND g.seq > awaiting.seq
                   AND d.decision = 'approved' AND d.stands = 1) THEN $4 ELSE $3 END
             WHERE generation = $1",
        );
        let query = query.bind(&row.generation).bind(mark).bind(&row.held).bind(superseded);
        query.bind(row.findings).execute(&mut *writing).await?;
    }
    Ok(writing.commit().await?)
}

/// The placements and locales of texts that wait.
pub(crate) async fn places(store: &Store) -> Result<Vec<(String, String)>, StoreError> {
    let query = sqlx::query_as("SELECT DISTINCT placement, locale FROM awaiting ORDER BY placement, locale");
    Ok(query.fetch_all(store.reader()).await?)
}

/// On how many generations somebody's decisions since then stand.
pub(crate) async fn decided_by(store: &Store, by: &str, since: Timestamp) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT count(*) FROM decisions WHERE by = $1 AND at >= $2");
    Ok(query.bind(by).bind(micros(since)).fetch_one(store.reader()).await?)
}

/// The generation that a person approved last for a product, placement and segment before this one.
pub(crate) async fn approved_for_product(
    store: &Store,
    (placement, segment, product): (&str, &str, &str),
    but: &str,
) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT generation FROM decisions WHERE decision = 'approved' AND stands = 1
           AND product = $1 AND placement = $2 AND segment = $3 AND generation <> $4 ORDER BY at DESC LIMIT 1",
    );
    let query = query.bind(product).bind(placement).bind(segment).bind(but);
    Ok(query.fetch_optional(store.reader()).await?)
}

/// The generation of a template that a person approved last before this one.
pub(crate) async fn approved_for_template(
    store: &Store,
    template: &str,
    but: &str,
) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT generation FROM decisions WHERE decision = 'approved' AND stands = 1
           AND template = $1 AND generation <> $2 ORDER BY at DESC LIMIT 1",
    );
    Ok(query.bind(template).bind(but).fetch_optional(store.reader()).await?)
}

/// Approvals that nobody has looked at a second time, the oldest first, and how many there are in all.
pub(crate) async fn open_looks(
    store: &Store,
    open: &Open,
    limit: u32,
) -> Result<(Vec<ApprovalRow>, i64), StoreError> {
    let narrowed = |head: &str| {
        let mut sql = QueryBuilder::<Sqlite>::new(head);
        sql.push("decision = 'approved' AND stands = 1 AND looked_by IS NULL AND at >= ");
        sql.push_bind(micros(open.since)).push(" AND draw <= ").push_bind(open.share);
        // The same person by either part of a name, as far as small letters can be told here.
        let (called, meant) = &open.but;
        sql.push(" AND lower(trim(by)) <> ").push_bind(called.clone());
        let called = format!("{called} <");
        sql.push(" AND instr(lower(trim(by)), ").push_bind(called).push(") <> 1");
        if let Some(meant) = meant {
            let meant = format!(" <{meant}>");
            sql.push(" AND instr(lower(by), ").push_bind(meant).push(") = 0");
        }
        if let Some(placement) = &open.placement {
            sql.push(" AND placement = ").push_bind(placement.clone());
        }
        sql
    };
    let mut sql = narrowed("SELECT generation, at, by, placement, draw FROM decisions WHERE ");
    sql.push(" ORDER BY at LIMIT ").push_bind(limit);
    let rows = sql.build().fetch_all(store.reader()).await?;
    let row = |row: &SqliteRow| {
        Ok::<_, StoreError>(ApprovalRow {
            generation: row.try_get("generation")?,
            at: timestamp(row.try_get("at")?)?,
            by: row.try_get("by")?,
            placement: row.try_get("placement")?,
            edited: row.try_get::<i64, _>("draw")? == 0,
        })
    };
    let rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let mut count = narrowed("SELECT count(*) FROM decisions WHERE ");
    Ok((rows, count.build_query_scalar().fetch_one(store.reader()).await?))
}

/// The names of those who decided since then.
pub(crate) async fn deciders(store: &Store, since: Timestamp) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT DISTINCT by FROM decisions WHERE at >= $1 ORDER BY by LIMIT 200");
    Ok(query.bind(micros(since)).fetch_all(store.reader()).await?)
}

/// Who is to look at what.
pub(crate) async fn assignments(store: &Store) -> Result<Vec<AssignmentRow>, StoreError> {
    let query =
        sqlx::query("SELECT placement, locale, reviewer, by, at FROM assignments ORDER BY placement, locale");
    let rows = query.fetch_all(store.reader()).await?;
    rows.iter()
        .map(|row| {
            Ok(AssignmentRow {
                placement: row.try_get("placement")?,
                locale: row.try_get("locale")?,
                reviewer: row.try_get("reviewer")?,
                by: row.try_get("by")?,
                at: timestamp(row.try_get("at")?)?,
            })
        })
        .collect()
}

/// Has somebody look at the texts of a placement in a locale, in place of whoever did.
pub(crate) async fn assign(store: &Store, row: &AssignmentRow) -> Result<(), StoreError> {
    let mut writing = store.begin_write().await?;
    let query = sqlx::query(
        "INSERT INTO assignments (placement, locale, reviewer, by, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (placement, locale) DO UPDATE SET reviewer = excluded.reviewer, by = excluded.by, at = excluded.at",
    );
    let query = query.bind(&row.placement).bind(&row.locale).bind(&row.reviewer);
    query.bind(&row.by).bind(micros(row.at)).execute(&mut *writing).await?;
    Ok(writing.commit().await?)
}

/// Has nobody look at them.
pub(crate) async fn unassign(store: &Store, placement: &str, locale: &str) -> Result<(), StoreError> {
    let mut writing = store.begin_write().await?;
    let query = sqlx::query("DELETE FROM assignments WHERE placement = $1 AND locale = $2");
    query.bind(placement).bind(locale).execute(&mut *writing).await?;
    Ok(writing.commit().await?)
}

fn waiting_row(row: &SqliteRow) -> Result<WaitingRow, StoreError> {
    Ok(WaitingRow {
        generation: row.try_get("generation")?,
        seq: row.try_get("seq")?,
        at: timestamp(row.try_get("at")?)?,
        placement: row.try_get("placement")?,
        locale: row.try_get("locale")?,
        cache_key: row.try_get("cache_key")?,
        text: row.try_get("text")?,
        findings: row.try_get("findings")?,
        waited: row.try_get("waited")?,
        last: row.try_get::<Option<i64>, _>("last")?.map(timestamp).transpose()?,
        judged: row.try_get("judged")?,
        held: row.try_get("held")?,
    })
}
