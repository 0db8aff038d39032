//! Charts, drawn as SVG by a few lines of our own: bars that stand on each other, and lines. From zero, labelled directly,
//! readable in grey, each with its figures as a table under it. Pure: values in, HTML out.

use std::fmt::Write;

use super::say::{Safe, escape};

/// A chart is this wide and this high, in the units of its drawing; pages make it as wide as there is room.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 200.0;
/// What is left for the figures of the scale, the names of the columns, and above all.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 8.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 10.0;
/// How many shades there are: a chart with more series draws the rest in the last one.
const SHADES: usize = 5;
/// The most columns that a chart draws, and its table lists.
const MOST: usize = 400;

/// One series of values, one for each column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// What it is, in a word or two.
    pub(super) name: String,
    /// Its values, from 0; none where nothing is known.
    pub(super) values: Vec<Option<f64>>,
    /// Whether it is drawn, and not only told in the table.
    pub(super) drawn: bool,
}

/// What a chart shows, and how.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// Told from the others of its page by this; letters, digits and dashes.
    pub(super) id: &'static str,
    /// What it is about: a few words.
    pub(super) title: String,
    /// What it says, in one sentence: for those who do not see it.
    pub(super) told: String,
    /// What stands in its place when there is nothing to show: what will, and when.
    pub(super) empty: String,
    /// What a column is: the head of the table's first column.
    pub(super) of: &'static str,
    /// The names of the columns, in order.
    pub(super) columns: Vec<String>,
    /// The series.
    pub(super) series: Vec<Series>,
    /// How a value is written.
    pub(super) write: fn(f64) -> String,
}

impl Chart {
    /// As bars, the series on top of each other.
    pub(super) fn bars(&self) -> Safe {
        self.figure(|chart, highest| chart.draw_bars(highest), true)
    }

    /// As lines, each labelled at its end.
    pub(super) fn lines(&self) -> Safe {
        self.figure(|chart, highest| chart.draw_lines(highest), false)
    }

    fn count(&self) -> usize {
        self.columns.len().min(MOST)
    }

    fn value(&self, series: &Series, column: usize) -> Option<f64> {
        let value = series.values.get(column).copied().flatten()?;
        value.is_finite().then_some(value.max(0.0))
    }

    fn drawn(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| series.drawn)
    }

    fn highest(&self, stacked: bool) -> f64 {
        let of_column = |column: usize| {
            let values = self.drawn().filter_map(move |series| self.value(series, column));
            if stacked { values.sum::<f64>() } else { values.fold(0.0, f64::max) }
        };
        (0..self.count()).map(of_column).fold(0.0, f64::max)
    }

    fn figure(&self, draw: impl Fn(&Self, f64) -> String, stacked: bool) -> Safe {
        let title = escape(&self.title);
        let highest = self.highest(stacked);
        if highest <= 0.0 {
            let empty = escape(&self.empty);
            return Safe(format!(
                "<figure class=\"chart\"><figcaption>{title}</figcaption><p class=\"empty\">{empty}</p></figure>"
            ));
        }
        let (id, told) = (self.id, escape(&self.told));
        let mut out = format!("<figure class=\"chart\"><figcaption>{title}</figcaption>");
        if stacked && self.drawn().count() > 1 {
            out.push_str("<p class=\"keys quiet\">");
            // As they stand on each other: the topmost first.
            for (at, series) in self.drawn().enumerate().collect::<Vec<_>>().into_iter().rev() {
                if (0..self.count()).any(|column| self.value(series, column).is_some_and(|value| value > 0.0))
                {
                    let _ = write!(
                        out,
                        "<span><svg class=\"swatch\" viewBox=\"0 0 12 12\" width=\"12\" height=\"12\" aria-hidden=\"true\">{}</svg>{}</span> ",
                        swatch(id, at),
                        escape(&series.name)
                    );
                }
            }
            out.push_str("</p>");
        }
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{told}</desc>"
        );
        out.push_str(&patterns(id));
        let top = round_up(highest);
        for step in 0..=2_u8 {
            let value = top * f64::from(step) / 2.0;
            let y = y_of(value, top);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                escape(&(self.write)(value))
            );
        }
        out.push_str(&self.names());
        out.push_str(&draw(self, top));
        out.push_str("</svg>");
        out.push_str(&self.table());
        out.push_str("</figure>");
        Safe(out)
    }

    #[expect(clippy::cast_precision_loss, reason = "columns are few")]
    fn step(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) / self.count().max(1) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "columns are few")]
    fn x_of(&self, column: usize) -> f64 {
        (column as f64 + 0.5).mul_add(self.step(), LEFT)
    }

    /// The names of some columns, so that they do not run into each other.
    fn names(&self) -> String {
        let (mut out, count) = (String::new(), self.count());
        let longest = self.columns.iter().map(|name| name.chars().count()).max().unwrap_or(1);
        #[expect(clippy::cast_precision_loss, reason = "names are short")]
        let apart = (longest as f64).mul_add(6.4, 14.0) / self.step();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number of columns"
        )]
        let every = (apart.ceil() as usize).max(1);
        for (column, name) in self.columns.iter().enumerate().take(count) {
            // Counted from the last one: that is today.
            if (count - 1 - column).is_multiple_of(every) {
                let _ = write!(
                    out,
                    "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\">{}</text>",
                    if column + 1 == count && every > 1 { WIDTH - RIGHT } else { self.x_of(column) },
                    HEIGHT - 5.0,
                    if column + 1 == count && every > 1 { "end" } else { "middle" },
                    escape(name)
                );
            }
        }
        out
    }

    fn draw_bars(&self, top: f64) -> String {
        let mut out = String::new();
        let width = (self.step() * 0.76).min(40.0);
        for (column, name) in self.columns.iter().enumerate().take(self.count()) {
            let mut below = 0.0;
            for (at, series) in self.drawn().enumerate() {
                let Some(value) = self.value(series, column).filter(|value| *value > 0.0) else { continue };
                let (from, to) = (y_of(below, top), y_of(below + value, top));
                below += value;
                let _ = write!(
                    out,
                    "<rect x=\"{:.1}\" y=\"{to:.1}\" width=\"{width:.1}\" height=\"{:.1}\" {}><title>{}: {} {}</title></rect>",
                    self.x_of(column) - width / 2.0,
                    (from - to).max(0.5),
                    shade(self.id, at),
                    escape(name),
                    escape(&series.name),
                    escape(&(self.write)(value)),
                );
            }
        }
        out
    }

    fn draw_lines(&self, top: f64) -> String {
        let (mut out, mut labels) = (String::new(), Vec::new());
        for (at, series) in self.drawn().enumerate() {
            // A gap in what is known is a gap in the line.
            let (mut path, mut pen_down, mut points) = (String::new(), false, 0);
            let mut last = None;
            for column in 0..self.count() {
                match self.value(series, column) {
                    Some(value) => {
                        let (x, y) = (self.x_of(column), y_of(value, top));
                        let _ = write!(path, "{}{x:.1} {y:.1}", if pen_down { "L" } else { "M" });
                        (pen_down, points, last) = (true, points + 1, Some((x, y)));
                    }
                    None => pen_down = false,
                }
            }
            let Some((x, y)) = last else { continue };
            let dash = ["none", "6 3", "2 3", "8 3 2 3", "1 4"].get(at).copied().unwrap_or("1 4");
            let _ = write!(
                out,
                "<path class=\"line s{}\" fill=\"none\" stroke-width=\"2\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>",
                at.min(SHADES - 1)
            );
            let _ = write!(
                out,
                "<circle class=\"s{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{}\"/>",
                at.min(SHADES - 1),
                if points == 1 { 4 } else { 3 }
            );
            labels.push((x, y, &series.name));
        }
        // Labels above the line's end, moved apart where they would lie on each other.
        labels.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut lowest = f64::INFINITY;
        for (x, y, name) in labels {
            let y = (y - 6.0).min(lowest - 13.0).max(TOP);
            lowest = y;
            let _ = write!(
                out,
                "<text class=\"end\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>",
                (x + 4.0).min(WIDTH - RIGHT),
                escape(name)
            );
        }
        out
    }

    fn table(&self) -> String {
        let mut out = String::from(
            "<details><summary>Figures</summary><div class=\"scrolls\" tabindex=\"0\" role=\"region\" aria-label=\"",
        );
        let _ = write!(out, "{}", escape(&self.title));
        let _ = write!(out, "\"><table><thead><tr><th scope=\"col\">{}</th>", escape(self.of));
        for series in &self.series {
            let _ = write!(out, "<th scope=\"col\" class=\"number\">{}</th>", escape(&series.name));
        }
        out.push_str("</tr></thead><tbody>");
        // The newest first, as in every list.
        for (column, name) in self.columns.iter().enumerate().take(self.count()).rev() {
            let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(name));
            for series in &self.series {
                let value = self.value(series, column).map_or_else(|| "–".to_owned(), self.write);
                let _ = write!(out, "<td class=\"number\">{}</td>", escape(&value));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div></details>");
        out
    }
}

fn y_of(value: f64, top: f64) -> f64 {
    let room = HEIGHT - BOTTOM - TOP;
    room.mul_add(1.0 - (value / top).clamp(0.0, 1.0), TOP)
}

/// The next round number: 1, 2, 4, 6 or 10 times a power of ten, so that its half is round too.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= value * 0.999_999).unwrap_or(value)
}

/// The fill of a series: a shade, and from the second on a pattern, so that grey paper tells them apart.
fn shade(id: &str, at: usize) -> String {
    match at.min(SHADES - 1) {
        0 => "class=\"s0\"".to_owned(),
        at => format!("class=\"s{at} patterned\" fill=\"url(#{id}-p{at})\""),
    }
}

fn swatch(id: &str, at: usize) -> String {
    format!("<rect x=\"0.5\" y=\"0.5\" width=\"11\" height=\"11\" {}/>", shade(id, at))
}

/// The patterns of the series after the first: strokes this way, that way, dots, hardly anything.
fn patterns(id: &str) -> String {
    let of = |at: usize, size: u8, marks: &str| {
        format!(
            "<pattern id=\"{id}-p{at}\" class=\"s{at}\" width=\"{size}\" height=\"{size}\" patternUnits=\"userSpaceOnUse\"><rect class=\"under\" width=\"{size}\" height=\"{size}\"/>{marks}</pattern>"
        )
    };
    format!(
        "<defs>{}{}{}{}</defs>",
        of(1, 5, "<path class=\"mark\" d=\"M-1 6L6 -1M-1 1L1 -1M4 6L6 4\"/>"),
        of(2, 4, "<circle class=\"dot\" cx=\"2\" cy=\"2\" r=\"1\"/>"),
        of(3, 5, "<path class=\"mark\" d=\"M0 2.5H5\"/>"),
        of(4, 8, "<path class=\"mark\" d=\"M4 0V8\"/>"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: &[(&str, &[f64])], columns: usize) -> Chart {
        let series = series.iter().map(|(name, values)| Series {
            name: (*name).to_owned(),
            values: values.iter().map(|value| Some(*value).filter(|value| value.is_finite())).collect(),
            drawn: !name.starts_with('('),
        });
        Chart {
            id: "c",
            title: "Serves <by> day".into(),
            told: "Most & more".into(),
            empty: "Serves appear here once pages ask.".into(),
            of: "Day",
            columns: (1..=columns).map(|n| format!("{n} Nov")).collect(),
            series: series.collect(),
            write: |value| format!("{value}"),
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, expected) in [
            (1.0, 1.0),
            (1.1, 2.0),
            (3.0, 4.0),
            (5.0, 6.0),
            (7.0, 8.0),
            (9.5, 10.0),
            (0.031, 0.04),
            (1_204.0, 2_000.0),
        ] {
            assert!((round_up(value) - expected).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn bars_stand_on_zero_and_on_each_other() {
        let Safe(drawn) = chart(&[("user", &[4.0, 0.0]), ("segment", &[2.0, 8.0])], 2).bars();
        let room = HEIGHT - BOTTOM - TOP;
        let rects: Vec<(f64, f64)> = drawn
            .split("<rect x=")
            .skip(1)
            .filter(|rect| rect.contains("<title>"))
            .map(|rect| {
                let of = |name: &str| {
                    rect.split(&format!(" {name}=\""))
                        .nth(1)
                        .unwrap()
                        .split('"')
                        .next()
                        .unwrap()
                        .parse::<f64>()
                        .unwrap()
                };
                (of("y"), of("height"))
            })
            .collect();
        let unit = room / 8.0;
        let near = |a: f64, b: f64| (a - b).abs() < 0.11;
        assert_eq!(rects.len(), 3, "nothing is drawn of nothing");
        assert!(near(rects[0].1, 4.0 * unit) && near(rects[0].0 + rects[0].1, HEIGHT - BOTTOM));
        assert!(near(rects[1].0 + rects[1].1, rects[0].0), "the second stands on the first");
        assert!(near(rects[2].1, 8.0 * unit));
        assert!(drawn.contains("<title>1 Nov: segment 2</title>"));
    }

    #[test]
    fn every_chart_has_its_figures_and_says_what_it_is() {
        for Safe(drawn) in [
            chart(&[("a", &[1.0, f64::NAN, 3.0]), ("b<c>", &[1.0, 2.0, 3.0])], 3).bars(),
            chart(&[("a", &[1.0, f64::NAN, 3.0]), ("b<c>", &[1.0, 2.0, 3.0])], 3).lines(),
        ] {
            assert!(drawn.contains("<figcaption>Serves &lt;by&gt; day</figcaption>"));
            assert!(drawn.contains("<desc id=\"c-d\">Most &amp; more</desc>"));
            assert!(drawn.contains(
                "<tr><th scope=\"row\">2 Nov</th><td class=\"number\">–</td><td class=\"number\">2</td></tr>"
            ));
            assert!(!drawn.contains(" style=") && !drawn.contains("<c>"), "{drawn}");
        }
    }

    #[test]
    fn what_is_not_drawn_is_in_the_table_alone() {
        let Safe(drawn) = chart(&[("a", &[1.0, 2.0]), ("(b)", &[900.0, 901.0])], 2).lines();
        assert_eq!(drawn.matches("<path class=\"line").count(), 1);
        assert!(
            drawn.contains("<td class=\"number\">901</td>") && !drawn.contains(">1000</text>"),
            "{drawn}"
        );
    }

    #[test]
    fn lines_break_where_nothing_is_known() {
        let Safe(drawn) = chart(&[("p95", &[1.0, f64::NAN, 3.0, 4.0])], 4).lines();
        let path = drawn.split(" d=\"").last().unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches('L').count(), 1, "{path}");
    }

    #[test]
    fn nothing_to_show_says_what_will_be() {
        for values in [&[][..], &[0.0, 0.0]] {
            let Safe(drawn) = chart(&[("a", values)], 2).bars();
            assert!(drawn.contains("<p class=\"empty\">Serves appear here once pages ask.</p>"), "{drawn}");
            assert!(!drawn.contains("<svg"));
        }
        // However much is asked for.
        let Safe(drawn) = chart(&[("a", &[1.0; 5_000])], 5_000).bars();
        assert_eq!(drawn.matches("<rect x=").count(), MOST);
        assert!(!chart(&[("a", &[f64::INFINITY, 1.0])], 2).lines().0.contains("inf"));
    }
}
