//! How much work goes into one text, counted and not timed: the same text is judged alike on every machine.

/// Work that may still be done, in steps of some nanoseconds. Once it was not enough, nothing more is.
#[derive(Debug)]
pub(super) struct Steps(Option<usize>);

/// What it takes to read what a sentence says of a thing that it names.
pub(super) const SENTENCE: usize = 1_000;

/// What it takes to look once through so many bytes.
pub(super) fn through(bytes: usize) -> usize {
    1 + bytes / 8
}

impl Steps {
    pub(super) fn new(most: usize) -> Self {
        Self(Some(most))
    }

    /// Takes so many; whether there are enough.
    pub(super) fn take(&mut self, steps: usize) -> bool {
        self.0 = self.0.and_then(|left| left.checked_sub(steps));
        self.0.is_some()
    }

    /// Whether there were not enough.
    pub(super) fn ran_out(&self) -> bool {
        self.0.is_none()
    }

    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.0.unwrap_or(0)
    }
}
