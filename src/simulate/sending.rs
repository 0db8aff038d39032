//! How an answer goes out: whole, in pieces or in part.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::action::Sending;

const MIB: usize = 1 << 20;

/// A body that goes out in that way, and how long it says it is where it does not say so by itself. What is never sent
/// is nothing of this function's. `stopped` ends what would not end.
pub(super) fn body(
    sending: Sending,
    whole: String,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> (Body, Option<usize>) {
    let length = whole.len();
    let mut rest = Bytes::from(whole);
    let half = move |rest: &mut Bytes| rest.split_to(length / 2);
    let pieces = match sending {
        Sending::Whole | Sending::Never | Sending::Reset => return (Body::from(rest), None),
        Sending::Drip(wait) => in_pieces(stopped, async move |feed| {
            while !rest.is_empty() {
                feed.give(rest.split_to(1)).await?;
                tokio::time::sleep(wait).await;
            }
            Ok(())
        }),
        Sending::Half => in_pieces(stopped, async move |feed| {
            feed.give(half(&mut rest)).await?;
            std::future::pending().await
        }),
        Sending::CutHalfway => in_pieces(stopped, async move |feed| {
            feed.give(half(&mut rest)).await?;
            Err(Cut)
        }),
    };
    // A client that is told of the whole knows a part for what it is.
    (pieces, Some(length))
}

/// A body with so many MiB of words in its middle, made as they are sent.
pub(super) fn big(
    before: String,
    mib: u64,
    after: String,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Body {
    in_pieces(stopped, async move |feed| {
        feed.give(before.into()).await?;
        let words = Bytes::from("words ".repeat(MIB / 6));
        for _ in 0..mib {
            feed.give(words.clone()).await?;
        }
        feed.give(after.into()).await
    })
}

/// The connection is to be cut, or is.
struct Cut;

#[derive(Clone)]
struct Feed(mpsc::Sender<io::Result<Bytes>>);

impl Feed {
    async fn give(&self, piece: Bytes) -> Result<(), Cut> {
        self.0.send(Ok(piece)).await.map_err(|_| Cut)
    }
}

fn in_pieces<F: Future<Output = Result<(), Cut>> + Send + 'static>(
    stopped: impl Future<Output = ()> + Send + 'static,
    feeding: impl FnOnce(Feed) -> F,
) -> Body {
    let (sender, pieces) = mpsc::channel(1);
    let feeding = feeding(Feed(sender.clone()));
    tokio::spawn(async move {
        let fed = tokio::select! {
            fed = feeding => fed,
            () = stopped => Err(Cut),
            // The client has gone.
            () = sender.closed() => return,
        };
        if fed.is_err() {
            // An error means that the client has gone meanwhile.
            let _ = sender.send(Err(io::ErrorKind::ConnectionReset.into())).await;
        }
    });
    Body::new(Pieces { pieces, flush: false })
}

/// A body whose pieces come through a channel.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    flush: bool,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        // The server writes out what it has when there is nothing more for now: each piece goes out by itself, and a
        // part is on its way before the connection is cut.
        if std::mem::take(&mut self.flush) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = ready!(self.pieces.poll_recv(cx));
        self.flush = true;
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}
