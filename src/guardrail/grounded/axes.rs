//! Which side of a thing each of three dimensions is: `30 x 20 x 5 cm (W x D x H)`.

use super::lexicon::{Roles, roles};
use super::numbers::{Figures, What};

/// The roles of the figures of every triple of dimensions, by the figures' places and in their order: as labels beside them or in the
/// attribute's name say. Without those, of a flat thing only the smallest is how thick it is.
pub(super) fn axes(read: &Figures<'_>, name: &str) -> Vec<(usize, Roles)> {
    let mut found = Vec::new();
    let mut labels = None;
    let mut first = 0;
    while first + 2 < read.figures.len() {
        let Some(values) = triple(read, first) else {
            first += 1;
            continue;
        };
        let labels = labels.get_or_insert_with(|| labels_of(name.split(' ')).or_else(|| labels_beside(read)));
        let sides = match labels {
            Some(sides) => *sides,
            None => flat(values),
        };
        found.extend((first..).zip(sides).filter(|(_, roles)| *roles != 0));
        first += 3;
    }
    found
}

/// The values of three figures with `x` between them from this one on.
fn triple(read: &Figures<'_>, first: usize) -> Option<[f64; 3]> {
    let mut values = [0.0; 3];
    for (at, value) in (first..).zip(&mut values) {
        let figure = read.figures.get(at)?;
        let What::Number { readings, .. } = &figure.what else { return None };
        *value = readings.first()?.value;
        if at < first + 2 {
            let next = read.figures.get(at + 1)?;
            let between = read.small.get(figure.range.end..next.range.start)?;
            if !figure.joined || !matches!(between.trim(), "x" | "×") {
                return None;
            }
        }
    }
    Some(values)
}

/// The sides in order by three labels: `wxdxh`, or `length`, `width`, `height`.
fn labels_of<'w>(words: impl Iterator<Item = &'w str>) -> Option<[Roles; 3]> {
    let mut sides = [0; 3];
    let mut count = 0;
    for word in words.flat_map(|word| if word.len() == 5 { word.split('x') } else { word.split('\0') }) {
        let side = match word {
            "w" | "width" => roles("width"),
            "h" | "height" => roles("height"),
            "d" | "depth" => roles("depth"),
            "l" | "length" => roles("length"),
            "x" => continue,
            _ => {
                count = 0;
                continue;
            }
        };
        *sides.get_mut(count)? = side;
        count += 1;
        if count == 3 {
            return Some(sides);
        }
    }
    None
}

fn labels_beside(read: &Figures<'_>) -> Option<[Roles; 3]> {
    labels_of(read.tokens.iter().filter(|token| token.figure.is_none()).map(|token| read.word(token)))
}

fn flat(values: [f64; 3]) -> [Roles; 3] {
    let mut sorted = values;
    sorted.sort_by(f64::total_cmp);
    let [smallest, middle, _] = sorted;
    if smallest * 2.0 > middle {
        return [0; 3];
    }
    let side = roles("width") | roles("height") | roles("length") | roles("depth");
    let thick = roles("thick");
    values.map(|value| if value == smallest { side | thick } else { side & !thick })
}
