//! Which reviews of a generation hold: those that decide or flag, and that nobody undid. Values in, values out.

use super::records::{Decision, ReviewAction, ReviewRecord, Undone};

/// The approvals, rejections, takedowns and flags of one generation that were not undone, oldest first.
#[derive(Clone, Debug)]
pub struct Holding<'r>(Vec<&'r ReviewRecord>);

/// Why there is nothing that a person could undo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUndone {
    /// They decided nothing, and flagged nothing.
    #[error("you have neither decided on this generation nor flagged it")]
    Nothing,
    /// Somebody else decided since.
    #[error("a later decision, by {0}, holds; decide otherwise instead")]
    Overtaken(String),
    /// They took it down, which is not undone.
    #[error("a takedown is not undone; lift its stop, then approve the text")]
    Takedown,
}

impl<'r> Holding<'r> {
    /// Of the reviews of one generation, oldest first.
    pub fn of(reviews: impl IntoIterator<Item = &'r ReviewRecord>) -> Self {
        let mut holding: Vec<&ReviewRecord> = Vec::new();
        for review in reviews {
            match &review.undoes {
                Some(undone) => holding.retain(|held| held.id != undone.review),
                None if review.action == ReviewAction::Flag || review.action.decision().is_some() => {
                    holding.push(review);
                }
                None => {}
            }
        }
        Self(holding)
    }

    /// The decision that holds, by the review that made it.
    pub fn decided(&self) -> Option<(&'r ReviewRecord, Decision)> {
        self.0.iter().rev().find_map(|review| Some((*review, review.action.decision()?)))
    }

    /// Whether somebody flagged it since the decision that holds.
    pub fn is_flagged(&self) -> bool {
        let since_decided = self.0.iter().rev().take_while(|review| review.action.decision().is_none());
        since_decided.into_iter().any(|review| review.action == ReviewAction::Flag)
    }

    /// What an undo by this person undoes: the latest of theirs that holds.
    ///
    /// # Errors
    ///
    /// When there is none, it is a takedown, or somebody else decided since.
    pub fn undoing(&self, by: &str) -> Result<Undone, NotUndone> {
        let at = self.0.iter().rposition(|review| review.by == by).ok_or(NotUndone::Nothing)?;
        let Some((review, later)) = self.0.get(at..).and_then(<[_]>::split_first) else {
            return Err(NotUndone::Nothing);
        };
        let mut holds = None;
        if review.action.decision().is_some() {
            if let Some(other) = later.iter().rev().find(|review| review.action.decision().is_some()) {
                return Err(NotUndone::Overtaken(other.by.clone()));
            }
            let before = self.0.iter().take(at).rev().find_map(|review| review.action.decision());
            holds = Some(before.unwrap_or(Decision::Undecided));
        }
        match review.action {
            ReviewAction::Takedown => Err(NotUndone::Takedown),
            action => Ok(Undone { review: review.id, action, holds }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::review;
    use super::*;

    /// `A` approves, `R` rejects, `T` takes down, `F` flags, `N` notes, `U` undoes; a capital letter is Ann, a small one Ben.
    /// An undo that is refused stands for itself with `!`.
    fn told(did: &str) -> (Vec<ReviewRecord>, String) {
        let (mut reviews, mut said): (Vec<ReviewRecord>, _) = (Vec::new(), String::new());
        for (number, c) in (1..).zip(did.chars()) {
            let action = match c.to_ascii_uppercase() {
                'A' => ReviewAction::Approve,
                'R' => ReviewAction::Reject,
                'T' => ReviewAction::Takedown,
                'F' => ReviewAction::Flag,
                'N' => ReviewAction::Note,
                _ => ReviewAction::Undo,
            };
            let by = if c.is_ascii_uppercase() { "Ann" } else { "Ben" }.to_owned();
            let mut record = ReviewRecord { by, ..review(number, 1, action) };
            if action == ReviewAction::Undo {
                match Holding::of(&reviews).undoing(&record.by) {
                    Ok(undone) => record.undoes = Some(undone),
                    Err(_) => {
                        said.push('!');
                        continue;
                    }
                }
            }
            reviews.push(record);
        }
        let holding = Holding::of(&reviews);
        said.push_str(match holding.decided().map(|(_, decision)| decision) {
            Some(Decision::Approved) => "approved",
            Some(Decision::Rejected) => "rejected",
            _ => "open",
        });
        if holding.is_flagged() {
            said.push_str(" flagged");
        }
        (reviews, said)
    }

    #[test]
    fn an_undo_brings_back_what_held_before() {
        for (did, stands) in [
            ("", "open"),
            ("A", "approved"),
            ("AU", "open"),
            ("RU", "open"),
            ("ARU", "approved"),
            ("ARUU", "open"),
            ("ARUUU", "!open"),
            ("AURU", "open"),
            ("FU", "open"),
            ("F", "open flagged"),
            ("FA", "approved"),
            ("FAU", "open flagged"),
            ("AFU", "approved"),
            ("aRU", "approved"),
            ("NU", "!open"),
            // What others did stays.
            ("aU", "!approved"),
            ("Ar", "rejected"),
            ("ArU", "!rejected"),
            ("AfU", "open flagged"),
            ("fFU", "open flagged"),
            ("TU", "!rejected"),
            ("ATU", "!rejected"),
        ] {
            let (reviews, said) = told(did);
            assert_eq!(said, stands, "{did}");
            // The records alone say as much as all of them together.
            let latest = reviews.iter().rev().find_map(ReviewRecord::decision);
            let decided = Holding::of(&reviews).decided().map(|(_, decision)| decision);
            assert_eq!(latest.filter(|decision| *decision != Decision::Undecided), decided, "{did}");
        }
    }

    #[test]
    fn a_refused_undo_says_why() {
        let why = |did: &str| Holding::of(&told(did).0).undoing("Ann").unwrap_err();
        assert_eq!(why("a"), NotUndone::Nothing);
        assert_eq!(why("Ar"), NotUndone::Overtaken("Ben".to_owned()));
        assert_eq!(why("T"), NotUndone::Takedown);
    }
}
