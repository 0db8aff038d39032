//! Sticky shares of users, by GrowthBook's hashes, so that other tools put the same people into the same share.

/// More variations than any experiment has.
pub const MAX_VARIATIONS: usize = 1_000;

/// The place of `value` between 0 (included) and 1 (excluded) for this `seed`, by GrowthBook's hash of that version.
///
/// Version 2 is FNV-1a of 32 bits over seed and value, then once more over the decimal digits of that, modulo 10,000;
/// version 1 is FNV-1a over value and seed, modulo 1,000. There are no others: `None`.
pub fn hash(seed: &str, value: &str, version: u32) -> Option<f64> {
    match version {
        1 => Some(first(value.encode_utf16().chain(seed.encode_utf16()))),
        2 => Some(bucket(seed, value)),
        _ => None,
    }
}

/// The place of `value` between 0 (included) and 1 (excluded) for this `seed`: [`hash`], version 2.
pub fn bucket(seed: &str, value: &str) -> f64 {
    let once = fnv1a(seed.encode_utf16().chain(value.encode_utf16()));
    f64::from(fnv1a(digits(once)) % 10_000) / 10_000.0
}

/// The part of 0 to 1 that each variation gets: from its start, included, to its end, excluded.
///
/// Each starts where the weights of those before it add up, and takes `coverage` (0 to 1; what is outside counts as the
/// nearer end) of its own weight. Weights that are missing, too many or too few, or that do not add up to 1 within a
/// hundredth, count as equal. More than 1,000 variations get nothing.
pub fn ranges(variations: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    if variations > MAX_VARIATIONS {
        return Vec::new();
    }
    let coverage = coverage.clamp(0.0, 1.0);
    #[allow(clippy::cast_precision_loss)]
    let equal = vec![1.0 / variations as f64; variations];
    let fits = |weights: &&[f64]| {
        let sum = weights.iter().fold(0.0, |sum, weight| sum + weight);
        weights.len() == variations && (0.99..=1.01).contains(&sum)
    };
    let mut end = 0.0;
    weights
        .filter(fits)
        .unwrap_or(&equal)
        .iter()
        .map(|weight| {
            let start = end;
            end += weight;
            (start, start + coverage * weight)
        })
        .collect()
}

/// Which variation has this place in its range, counted from 0; the first, should ranges overlap.
pub fn choose(place: f64, ranges: &[(f64, f64)]) -> Option<usize> {
    ranges.iter().position(|(start, end)| *start <= place && place < *end)
}

fn first(units: impl Iterator<Item = u16>) -> f64 {
    f64::from(fnv1a(units) % 1_000) / 1_000.0
}

/// FNV-1a of 32 bits. GrowthBook feeds it UTF-16 code units, where the function as published takes bytes; for ASCII that
/// is the same.
fn fnv1a(units: impl Iterator<Item = u16>) -> u32 {
    units.fold(0x811c_9dc5, |hash: u32, unit| (hash ^ u32::from(unit)).wrapping_mul(0x0100_0193))
}

/// The decimal digits of a number, as text.
fn digits(number: u32) -> impl Iterator<Item = u16> {
    let places = number.checked_ilog10().unwrap_or(0);
    (0..=places)
        .rev()
        .map(move |place| u16::from(b'0') + u16::try_from(number / 10_u32.pow(place) % 10).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fnv1a_is_the_published_function() {
        // Vectors of the FNV reference: the empty text, "a" and "foobar".
        let of = |text: &str| fnv1a(text.encode_utf16());
        assert_eq!(of(""), 0x811c_9dc5);
        assert_eq!(of("a"), 0xe40c_292c);
        assert_eq!(of("foobar"), 0xbf9c_f968);
    }

    #[test]
    fn hashes() {
        let check =
            |seed, value, version, place| assert_eq!(hash(seed, value, version), place, "{seed} {value}");
        check("", "a", 1, Some(0.22));
        check("", "b", 1, Some(0.077));
        check("b", "a", 1, Some(0.946));
        check("seed", "a", 2, Some(0.0505));
        check("seed", "b", 2, Some(0.2696));
        check("foo", "ab", 2, Some(0.2575));
        // Beyond ASCII: units, not bytes.
        check("seed", "größe", 1, Some(0.779));
        check("größe", "u-1", 2, Some(0.9851));
        check("s", "😀", 1, Some(0.001));
        check("s", "😀", 2, Some(0.2801));
        check("", "東京", 2, Some(0.4546));
        check("seed", "a", 0, None);
        check("seed", "a", 3, None);
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 1, 9, 10, 99, 100, 999_999_999, 1_000_000_000, u32::MAX] {
            let text = String::from_utf16(&digits(number).collect::<Vec<_>>()).unwrap();
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn ranges_by_weight_and_coverage() {
        let halves = vec![(0.0, 0.5), (0.5, 1.0)];
        assert_eq!(ranges(2, 1.0, None), halves);
        assert_eq!(ranges(2, 7.0, None), halves);
        assert_eq!(ranges(2, 0.5, None), [(0.0, 0.25), (0.5, 0.75)]);
        assert_eq!(ranges(2, -1.0, None), [(0.0, 0.0), (0.5, 0.5)]);
        assert_eq!(ranges(2, 1.0, Some(&[0.25, 0.75])), [(0.0, 0.25), (0.25, 1.0)]);
        assert_eq!(ranges(2, 1.0, Some(&[0.4, 0.4])), halves);
        assert_eq!(ranges(2, 1.0, Some(&[0.3, 0.3, 0.4])), halves);
        assert_eq!(ranges(2, 1.0, Some(&[0.5, 0.505])), [(0.0, 0.5), (0.5, 1.005)]);
        assert_eq!(ranges(0, 1.0, None), []);
        assert_eq!(ranges(usize::MAX, 1.0, None), []);
    }

    #[test]
    fn choices() {
        let ranges = [(0.0, 0.4), (0.5, 1.0)];
        assert_eq!(choose(0.0, &ranges), Some(0));
        assert_eq!(choose(0.4, &ranges), None);
        assert_eq!(choose(0.5, &ranges), Some(1));
        assert_eq!(choose(1.0, &ranges), None);
    }

    /// How far counts are from what they should be: χ².
    fn distance(found: &[u32], expected: f64) -> f64 {
        found.iter().map(|found| (f64::from(*found) - expected).powi(2) / expected).sum()
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn bin(place: f64, bins: f64) -> usize {
        (place * bins) as usize
    }

    const SEEDS: &[&str] = &["why-this", "cta-subtext", "spring-sale-2", "s", "größe", ""];

    fn users() -> impl Iterator<Item = String> {
        (0..4_000_u64).flat_map(|n| [format!("u-{n}"), format!("{:08x}@shop.example", n * 2_654_435)])
    }

    #[test]
    fn places_are_even() {
        for seed in SEEDS {
            let mut bins = [0; 20];
            users().for_each(|user| bins[bin(bucket(seed, &user), 20.0)] += 1);
            // Of 19 degrees of freedom, chance gives more than 60 once in some 200,000 times.
            let distance = distance(&bins, 400.0);
            assert!(distance < 60.0, "{seed}: {distance} {bins:?}");
        }
    }

    #[test]
    fn seeds_are_independent() {
        for (one, other) in SEEDS.iter().zip(SEEDS.iter().skip(1)) {
            let mut table = [0; 25];
            for user in users() {
                table[bin(bucket(one, &user), 5.0) * 5 + bin(bucket(other, &user), 5.0)] += 1;
            }
            let distance = distance(&table, 320.0);
            assert!(distance < 70.0, "{one} and {other}: {distance} {table:?}");
        }
    }

    proptest! {
        #[test]
        fn places_are_sticky_and_within_bounds(seed in ".{0,12}", value in ".{0,24}", version in 1_u32..=2) {
            let place = hash(&seed, &value, version).unwrap();
            prop_assert!((0.0..1.0).contains(&place));
            prop_assert_eq!(Some(place), hash(&seed.clone(), &value.clone(), version));
        }

        #[test]
        fn every_place_has_one_variation(place in 0.0..1.0, weights in prop::collection::vec(0.01..1.0, 1..8)) {
            let sum: f64 = weights.iter().sum();
            let weights: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
            let ranges = ranges(weights.len(), 1.0, Some(&weights));
            let holding = ranges.iter().filter(|(start, end)| *start <= place && place < *end).count();
            // Rounding may leave the very end to nobody.
            prop_assert!(holding == 1 || place > 0.999_999);
            prop_assert_eq!(choose(place, &ranges).is_some(), holding == 1);
        }
    }
}
