//! Two texts line by line: what went, what came, and a few lines around it.

/// How many lines around a change are shown.
const AROUND: usize = 3;
/// The most lines of one text, times those of the other, that are compared; longer ones are shown whole.
const MOST_COMPARED: usize = 16_000_000;

/// One line of what two texts come to together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'t> {
    Kept(&'t str),
    Gone(&'t str),
    New(&'t str),
}

/// The unified form of what changes between two texts of a file; nothing where they are the same.
pub fn unified(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let named =
        |there: bool, side: &str| if there { format!("{side}/{path}") } else { "/dev/null".to_owned() };
    let mut out =
        vec![format!("--- {}", named(before.is_some(), "a")), format!("+++ {}", named(after.is_some(), "b"))];
    let lines = compared(before.unwrap_or_default(), after.unwrap_or_default());
    let changed: Vec<usize> =
        (0..lines.len()).filter(|at| !matches!(lines.get(*at), Some(Line::Kept(_)) | None)).collect();
    let mut rest = changed.as_slice();
    while let Some(first) = rest.first() {
        let mut last = *first;
        while let Some((next, after)) = rest.split_first() {
            if *next > last + 2 * AROUND + 1 {
                break;
            }
            (last, rest) = (*next, after);
        }
        let from = first.saturating_sub(AROUND);
        let until = (last + AROUND + 1).min(lines.len());
        out.extend(hunk(&lines, from, until));
    }
    out
}

fn hunk(lines: &[Line<'_>], from: usize, until: usize) -> Vec<String> {
    let before = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::New(_))).count();
    let after = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::Gone(_))).count();
    let above = lines.get(..from).unwrap_or_default();
    let shown = lines.get(from..until).unwrap_or_default();
    let start = |above: usize, shown: usize| if shown == 0 { above } else { above + 1 };
    let (old, new) = (before(shown), after(shown));
    let head = format!("@@ -{},{old} +{},{new} @@", start(before(above), old), start(after(above), new));
    let told = shown.iter().map(|line| match line {
        Line::Kept(text) => format!(" {text}"),
        Line::Gone(text) => format!("-{text}"),
        Line::New(text) => format!("+{text}"),
    });
    std::iter::once(head).chain(told).collect()
}

/// The longest run of lines that both have in common, and what stands between.
fn compared<'t>(before: &'t str, after: &'t str) -> Vec<Line<'t>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (head, old) = old.split_at(same);
    let new = new.get(same..).unwrap_or_default();
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, tail) = old.split_at(old.len() - same);
    let new = new.get(..new.len() - same).unwrap_or_default();
    let mut lines: Vec<Line<'t>> = head.iter().map(|line| Line::Kept(line)).collect();
    lines.extend(between(old, new));
    lines.extend(tail.iter().map(|line| Line::Kept(line)));
    lines
}

fn between<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    let width = new.len() + 1;
    if old.len().saturating_mul(new.len()) > MOST_COMPARED {
        let gone = old.iter().map(|line| Line::Gone(line));
        return gone.chain(new.iter().map(|line| Line::New(line))).collect();
    }
    // How many lines each two ends have in common.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or_default();
    for (i, old) in old.iter().enumerate().rev() {
        for (j, new) in new.iter().enumerate().rev() {
            let best = match old == new {
                true => at(&common, i + 1, j + 1) + 1,
                false => at(&common, i + 1, j).max(at(&common, i, j + 1)),
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    loop {
        match (old.get(i), new.get(j)) {
            (Some(kept), Some(same)) if kept == same => {
                lines.push(Line::Kept(kept));
                (i, j) = (i + 1, j + 1);
            }
            (Some(gone), other) if other.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(Line::Gone(gone));
                i += 1;
            }
            (_, Some(new)) => {
                lines.push(Line::New(new));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_and_came_is_shown_with_what_stands_around_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n";
        let after = "a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nl\nm\n";
        let expected = [
            "--- a/f.yml",
            "+++ b/f.yml",
            "@@ -1,5 +1,5 @@",
            " a",
            "-b",
            "+B",
            " c",
            " d",
            " e",
            "@@ -8,5 +8,5 @@",
            " h",
            " i",
            " j",
            "-k",
            " l",
            "+m",
        ];
        assert_eq!(unified("f.yml", Some(before), Some(after)), expected);
        assert!(unified("f.yml", Some(before), Some(before)).is_empty());
        let new = ["--- /dev/null", "+++ b/f.yml", "@@ -0,0 +1,2 @@", "+a", "+b"];
        assert_eq!(unified("f.yml", None, Some("a\nb\n")), new);
        let gone = ["--- a/f.yml", "+++ /dev/null", "@@ -1,1 +0,0 @@", "-a"];
        assert_eq!(unified("f.yml", Some("a\n"), None), gone);
    }
}
