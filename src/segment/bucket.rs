//! Sticky shares of users: GrowthBook's hash, version 2, so that other tools put the same people into the same share.

/// The place of `value` between 0 (included) and 1 (excluded) for this `seed`: FNV-1a of 32 bits over seed and value,
/// then once more over the decimal digits of that, modulo 10,000 (GrowthBook SDK specification, "hash, version 2").
pub fn bucket(seed: &str, value: &str) -> f64 {
    let once = fnv1a(&[seed.as_bytes(), value.as_bytes()]);
    let twice = fnv1a(&[once.to_string().as_bytes()]);
    f64::from(twice % 10_000) / 10_000.0
}

fn fnv1a(parts: &[&[u8]]) -> u32 {
    parts
        .iter()
        .flat_map(|part| part.iter())
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_is_the_published_function() {
        // Vectors of the FNV reference: the empty text, "a" and "foobar".
        assert_eq!(fnv1a(&[b""]), 0x811c_9dc5);
        assert_eq!(fnv1a(&[b"a"]), 0xe40c_292c);
        assert_eq!(fnv1a(&[b"foo", b"bar"]), 0xbf9c_f968);
    }

    #[test]
    fn shares_are_even_and_sticky() {
        let inside = (0..10_000).filter(|n| bucket("why-this", &format!("u-{n}")) < 0.1).count();
        assert!((900..1_100).contains(&inside), "{inside}");
        assert_eq!(bucket("why-this", "u-17"), bucket("why-this", "u-17"));
        assert_ne!(bucket("why-this", "u-17"), bucket("cta-subtext", "u-17"));
    }
}
