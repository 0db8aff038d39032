use super::*;

/// What the sentence says of what stands in square brackets.
#[track_caller]
fn check(expected: Polarity, sentences: &[&str]) {
    for marked in sentences {
        let (start, end) = (marked.find('[').unwrap(), marked.find(']').unwrap() - 1);
        let written = marked.replace(['[', ']'], "");
        let lower = small(&written);
        let text = Plain { written: &written, small: &lower };
        assert_eq!(polarity(text, &(0..written.len()), &(start..end)), expected, "{marked}");
    }
}

#[test]
fn affirmed() {
    check(
        Polarity::Affirmed,
        &[
            "It has [NFC].",
            "[NFC], GPS and more.",
            "Options include Wi-Fi, Bluetooth 5.0, GPS, and [NFC], making it easy to pay.",
            "It has no camera, but it does have [NFC].",
            "It lacks a camera. [NFC] is on board.",
            "The clip has no screen, and a [radio] instead.",
            "It has a 2 MP camera, no video recorder, and a 750 mAh [battery].",
            "It does not have a camera and supports [NFC].",
            "While it does not have a jack, it has [NFC].",
            "Not only [NFC] but also GPS.",
            "GPS (absent), [NFC] and USB.",
            "[NFC] is included, while GPS is not.",
            "[Bluetooth], no NFC.",
            "Not for children; [NFC] inside.",
            "No. 1 among readers, with [NFC].",
            "The one with [NFC] is not cheap.",
            "Kein Radio, aber [NFC].",
            "It has GPS as well as [NFC].",
            "Mit [NFC] und ohne Radio.",
            "Does it have [NFC]? Yes, it does.",
        ],
    );
}

#[test]
fn denied() {
    check(
        Polarity::Denied,
        &[
            "It has no [NFC].",
            "It has no WLAN, Bluetooth, or [radio] capabilities, but it does have a jack.",
            "It does not have a [jack].",
            "It doesn't support GPS, [NFC] or radio.",
            "It does not have a jack or support for [NFC].",
            "It also does not have a GPS or an [infrared port].",
            "The watch lacks GPS and [NFC].",
            "It comes without [NFC].",
            "It comes without GPS, radio or [NFC].",
            "It does not come with [NFC].",
            "It is not equipped with [NFC].",
            "Neither GPS nor [NFC] is on board.",
            "A non-[removable] battery.",
            "GPS, [NFC] (absent), radio.",
            "[NFC]: No",
            "**[NFC]**: No",
            "Although [NFC] is not included, it has GPS.",
            "[NFC] is not supported.",
            "[NFC] and GPS are not available.",
            "[NFC] not supported.",
            "[NFC] support is not available.",
            "It comes with USB-C instead of a [jack].",
            "It relies on Bluetooth rather than a [jack].",
            "The phone skips the [jack].",
            "There is no [NFC] on board.",
            "The [leather]-free strap.",
            "[NFC] is absent.",
            "It cannot use [NFC].",
            "It has no GPS as well as no [NFC].",
            "Does it have [NFC]? No.",
            "Ohne [NFC].",
            "Kein [NFC] und keine Kamera.",
            "[NFC] wird nicht unterstützt.",
        ],
    );
}

#[test]
fn unclear() {
    check(
        Polarity::Unclear,
        &[
            "If you need [NFC], look elsewhere.",
            "Unlike others with a case, [NFC] comes first.",
            "[NFC] is optional.",
            "A strap ([NFC] sold separately).",
            "No need for [NFC].",
            "[NFC] is not specified.",
            "It is not known whether it has [NFC].",
            "Roam without worry as the pack's [waterproof] shell keeps you dry.",
            "Without a jack, the phone relies on [Bluetooth].",
            "It works without needing [Bluetooth].",
            "No WLAN and [NFC].",
            "An optional [microphone].",
            "Looking for [NFC]? Look no further.",
        ],
    );
}
