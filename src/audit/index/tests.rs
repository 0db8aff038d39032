use super::*;
use crate::audit::testing::*;
use crate::store::testing::{TestStore, test_store};

async fn hits(held: &TestStore, table: &str, expression: &str) -> i64 {
    held.number(&format!("SELECT count(*) FROM {table} WHERE {table} MATCH '{expression}'")).await
}

async fn generation_bytes(held: &TestStore, seq: i64) -> Vec<u8> {
    let mut append = Append::begin(&held.store).await.unwrap();
    append.indexable(seq - 1, 1).await.unwrap().remove(0).bytes
}

#[tokio::test]
async fn records_are_indexed_behind_the_recorder() {
    let held = test_store().await;
    assert_eq!(catch_up(&held.store).await.unwrap(), 0);
    write_sample(&held.store).await;
    assert_eq!(catch_up(&held.store).await.unwrap(), 5);
    assert_eq!(catch_up(&held.store).await.unwrap(), 0);
    assert_eq!(hits(&held, "generation_index", &Field::Placement.term("why-this")).await, 3);
    assert_eq!(hits(&held, "generation_index", "words : kettle").await, 3, "the blocked one by its raw text");
    assert_eq!(hits(&held, "serve_index", &Field::Reason.term("mode")).await, 2);
    assert_eq!(hits(&held, "text_index", "last").await, 1);
    assert_eq!(
        held.number("SELECT count(*) FROM review_states WHERE state = 'awaiting'").await,
        0,
        "nobody must approve"
    );
    assert!(held.number("SELECT count(*) FROM minutes").await >= 1);
    // Made anew, it is the same.
    for pace in [Pace::Alone, Pace::Beside] {
        assert_eq!(rebuild(&held.store, pace).await.unwrap(), 5);
    }
    assert_eq!(hits(&held, "generation_index", "words : kettle").await, 3);
    // In another way, it is made anew by itself.
    assert_eq!(behind(&held.store).await.unwrap(), 0);
    held.tamper("UPDATE meta SET value = 0 WHERE name = 'index_format'").await;
    assert_eq!(behind(&held.store).await.unwrap(), 5);
    assert_eq!(catch_up(&held.store).await.unwrap(), 5);
    assert_eq!(hits(&held, "generation_index", "words : kettle").await, 3);
}

#[tokio::test]
async fn words_that_are_forgotten_are_in_no_file() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    let mut secret = payload(1);
    secret.text = Some("Quixotical kettles, Wilhelmina.".into());
    secret.raw_texts = vec![secret.text.clone()];
    recorder.generation(generation(1), secret.clone()).await.unwrap();
    recorder.serve(serve(1), Some("Zyzzyvan words.".into()));
    for n in 2..40 {
        recorder.generation(generation(n), payload(n)).await.unwrap();
        if n % 5 == 0 {
            catch_up(&held.store).await.unwrap();
        }
    }
    recorder.close().await;
    catch_up(&held.store).await.unwrap();
    assert_eq!(hits(&held, "generation_index", "words : quixotical").await, 1);

    let mut append = Append::begin(&held.store).await.unwrap();
    forget_words(&mut append, 1, &generation(1), &secret).await.unwrap();
    let hash = crate::audit::chain::text_hash("Zyzzyvan words.");
    forget_text(&mut append, &hash, "Zyzzyvan words.").await.unwrap();
    append.commit().await.unwrap();
    held.tamper("UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq = 1; DELETE FROM texts").await;
    assert_eq!(hits(&held, "generation_index", "words : quixotical").await, 0);
    assert_eq!(
        hits(&held, "generation_index", &Field::Product.term("p-1")).await,
        1,
        "by all else it is found"
    );
    assert_eq!(hits(&held, "generation_index", "words : kettle").await, 38);

    held.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
    for name in ["copyrail.db", "copyrail.db-wal"] {
        let file = std::fs::read(held.dir.path().join(name)).unwrap_or_default();
        for word in ["uixotic", "ilhelmina", "yzzyva"] {
            let found = file.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
            assert!(!found, "{word} in {name}");
        }
    }
    held.tamper("INSERT INTO generation_index (generation_index) VALUES ('integrity-check')").await;
}

#[tokio::test]
async fn entries_that_are_forgotten_are_found_no_more() {
    let held = test_store().await;
    write_sample(&held.store).await;
    catch_up(&held.store).await.unwrap();
    for (seq, kind) in [(1, GENERATION), (3, SERVES), (2, SERVES), (4, "policy")] {
        let bytes = generation_bytes(&held, seq).await;
        let mut append = Append::begin(&held.store).await.unwrap();
        forget(&mut append, seq, kind, &bytes, Some(&payload(1))).await.unwrap();
        append.commit().await.unwrap();
    }
    assert_eq!(hits(&held, "generation_index", &Field::Product.term("p-1")).await, 0);
    assert_eq!(hits(&held, "generation_index", &Field::Placement.term("why-this")).await, 2);
    assert_eq!(hits(&held, "generation_index", "words : kettle").await, 2);
    assert_eq!(hits(&held, "serve_index", &Field::Reason.term("mode")).await, 0);
    assert_eq!(held.number("SELECT count(*) FROM review_states").await, 0);
}
