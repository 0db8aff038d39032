//! The proof in small steps: stretches of a few entries, a few runs of receipts at once.

use super::super::hold;
use super::super::records::HoldScope;
use super::super::testing::{erase, generation, payload, recorder, serve};
use super::*;
use crate::store::testing::{TestStore, at, test_store};

/// A store of so many generations.
async fn generations(number: u64) -> TestStore {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    for n in 1..=number {
        recorder.generation(generation(n), payload(n)).await.unwrap();
    }
    recorder.close().await;
    held
}

async fn proof(held: &TestStore) -> Report {
    verify(&held.store, None, |_, _| ()).await.unwrap()
}

#[tokio::test]
async fn a_check_may_be_stopped_and_goes_on_to_the_same_end() {
    let held = generations(10).await;
    let whole = proof(&held).await;
    assert_eq!((whole.records, whole.stopped), (10, false));
    let (mut checkpoint, mut steps) = (None, 0);
    loop {
        let mut reached = None;
        let plan = Plan { resume: checkpoint.take(), ..Plan::default() };
        let report = verify_as(&held.store, plan, |progress| {
            reached = Some((progress.seq, progress.report.clone()));
            ControlFlow::Break(())
        });
        let report = report.await.unwrap();
        let Some((seq, reached)) = reached else {
            assert_eq!(Report { resumed: None, ..report }, whole);
            break;
        };
        assert!(report.stopped && report.fault.is_none());
        let (store, hash) = (held.url.clone(), reached.head.clone().unwrap());
        let kept = Checkpoint { v: 1, store, at: at(0), seq, hash, report: reached };
        kept.write(held.dir.path()).unwrap();
        checkpoint = Checkpoint::read(held.dir.path()).unwrap();
        assert_eq!(checkpoint, Some(kept));
        steps += 1;
    }
    assert!(steps >= 3, "{steps} steps");
    assert_eq!(Checkpoint::read(&held.dir.path().join("elsewhere")).unwrap(), None);
}

#[tokio::test]
async fn holds_are_those_that_the_log_tells_of() {
    let held = generations(1).await;
    let by = ("jo", "claim 7");
    let scope = HoldScope { product: Some("p-1".into()), ..HoldScope::default() };
    hold::add(&held.store, scope.clone(), None, by, at(200)).await.unwrap();
    let lifted = hold::add(&held.store, scope, None, by, at(201)).await.unwrap();
    hold::lift(&held.store, lifted.id, by, at(202)).await.unwrap().unwrap();
    assert_eq!(proof(&held).await.fault, None);
    for (tampering, seq) in [
        ("DELETE FROM holds WHERE lifted IS NULL", 2),
        ("UPDATE holds SET lifted = 1 WHERE lifted IS NULL", 2),
        ("UPDATE holds SET lifted = NULL", 4),
        ("UPDATE holds SET scope = replace(scope, 'p-1', 'p-2') WHERE lifted IS NULL", 2),
    ] {
        held.tamper("CREATE TABLE were AS SELECT * FROM holds").await;
        held.tamper(tampering).await;
        let fault = proof(&held).await.fault.unwrap();
        assert_eq!((fault.seq, fault.what), (Some(seq), FaultKind::Hold), "{tampering}: {fault:?}");
        held.tamper("DELETE FROM holds; INSERT INTO holds SELECT * FROM were; DROP TABLE were").await;
    }
    assert_eq!(proof(&held).await.fault, None);
}

#[tokio::test]
async fn receipts_of_more_runs_than_are_kept_at_once_are_all_heeded() {
    let held = generations(40).await;
    // Every other payload is gone, in receipts whose runs are mixed up among each other.
    let gone: Vec<Run> = (1..=20).map(|n| (2 * n, 2 * n)).collect();
    for part in 0..3 {
        let runs: Vec<Run> = gone.iter().copied().skip(part).step_by(3).collect();
        erase(&held, &runs).await;
    }
    let report = proof(&held).await;
    assert_eq!((report.fault, report.erased), (None, 20));
    // One more, of which none tells, wherever it is.
    for seq in [1, 21, 39] {
        let kept: (Vec<u8>, Vec<u8>) = held.payload(seq).await;
        held.tamper(&format!("UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq = {seq}")).await;
        let fault = proof(&held).await.fault.unwrap();
        assert_eq!((fault.seq, fault.what), (Some(seq), FaultKind::Payload), "{}", fault.explanation);
        held.put_payload(seq, kept).await;
    }
    assert_eq!(proof(&held).await.fault, None);
}

#[tokio::test]
async fn a_receipt_tells_of_nothing_that_came_after_it() {
    let held = generations(3).await;
    erase(&held, &[(2, 5)]).await;
    let recorder = recorder(&held.store, 100);
    recorder.generation(generation(5), payload(5)).await.unwrap();
    recorder.close().await;
    let receipt = (Some(4), FaultKind::Receipt);
    let fault = proof(&held).await.fault.unwrap();
    assert_eq!((fault.seq, fault.what), receipt, "{}", fault.explanation);
    held.tamper("UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq = 5").await;
    assert_eq!(proof(&held).await.fault.map(|fault| (fault.seq, fault.what)), Some(receipt));
    for impossible in [(0, 1), (2, 1), (-3, -1), (1, i64::MAX)] {
        let held = generations(1).await;
        erase(&held, &[(1, 1), impossible]).await;
        let fault = proof(&held).await.fault.unwrap();
        assert_eq!((fault.seq, fault.what), (Some(2), FaultKind::Receipt), "{}", fault.explanation);
    }
}

#[tokio::test]
async fn more_blank_texts_than_are_looked_for_at_once_are_all_asked_after() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    for n in 1..=7 {
        recorder.serve(serve(n), Some(format!("Made to last, {n}.").into()));
    }
    recorder.close().await;
    let hash = |n: u64| chain::text_hash(&format!("Made to last, {n}."));
    let blank = async |from: u64| {
        let texts: Vec<String> = (from..=7).step_by(2).map(hash).collect();
        for text in &texts {
            held.tamper(&format!("UPDATE texts SET text = '' WHERE hash = '{text}'")).await;
        }
        texts
    };
    for from in [1, 2] {
        let texts = blank(from).await;
        let fault = proof(&held).await.fault.unwrap();
        assert_eq!((fault.seq, fault.what), (None, FaultKind::Text));
        assert!(texts.iter().any(|hash| fault.explanation.contains(hash)), "{}", fault.explanation);
        super::super::testing::erase_texts(&held, texts).await;
        assert_eq!(proof(&held).await.fault, None);
    }
}
