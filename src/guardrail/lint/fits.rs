//! Texts that must be shown, against the room that their placements have.

use super::{NO_ROOM, Site, Spot, Surroundings, Warnings, scalar};
use crate::guardrail::Kind;
use crate::guardrail::rule::Applies;

/// The placements in which a text that must be shown has no room, each with the most characters of a text there. What is
/// filled in from the facts, between braces, counts as nothing: it is at least as long.
pub(in crate::guardrail) fn without_room<'s>(
    text: &str,
    applies: &Applies,
    surroundings: &Surroundings<'s>,
) -> Vec<(Spot<'s>, usize)> {
    let length = least_length(text);
    let named = |spot: &&Spot<'_>| {
        applies.placements.is_empty() || applies.placements.iter().any(|placement| placement == spot.id)
    };
    let spots = surroundings.placements.iter().filter(named);
    spots.filter_map(|spot| Some((*spot, spot.max_characters.filter(|most| length > *most)?))).collect()
}

/// How many characters a text has at least, whatever is filled in.
fn least_length(text: &str) -> usize {
    let mut length = 0;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        length += before.chars().count();
        match after.split_once('}') {
            Some((_, after)) => rest = after,
            None => return length + 1 + after.chars().count(),
        }
    }
    length + rest.chars().count()
}

/// A disclosure, or what must stand beside a claim, that does not fit where it applies.
pub(super) fn statement(site: &Site<'_>, surroundings: &Surroundings<'_>, warnings: &mut Warnings) {
    let key = match site.rule.kind() {
        Kind::Require => "text",
        Kind::Claim => "with",
        _ => return,
    };
    let Some((node, text)) = site.at(&[key]).and_then(|node| Some((node, scalar(node)?))) else { return };
    for (spot, most) in without_room(text, &site.rule.applies, surroundings) {
        let message = format!(
            "this text has at least {} characters, and `{}` has room for {most}",
            least_length(text),
            spot.id
        );
        let help = "shorten it, or give the placement more room: until then no copy that needs it can be shown there";
        site.warn(warnings, NO_ROOM, node.span, message, help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_counts_as_nothing() {
        for (text, length) in
            [("Ten signs.", 10), ("£{product.apr}%", 2), ("{a}{b}", 0), ("open {brace", 11), ("é{x}ü", 2)]
        {
            assert_eq!(least_length(text), length, "{text}");
        }
    }

    #[test]
    fn a_text_is_held_against_the_placements_it_applies_to() {
        let spot = |id, max_characters| Spot { id, max_characters };
        let surroundings = Surroundings {
            placements: vec![spot("line", Some(10)), spot("page", Some(400)), spot("open", None)],
            locales: Vec::new(),
            attributes: None,
        };
        let found = |placements: &[&str], text: &str| -> Vec<String> {
            let placements = placements.iter().map(|id| (*id).to_owned()).collect();
            let applies = Applies { placements, ..Applies::default() };
            without_room(text, &applies, &surroundings)
                .iter()
                .map(|(spot, most)| format!("{} {most}", spot.id))
                .collect()
        };
        assert_eq!(found(&[], "Eleven sign"), ["line 10"]);
        assert_eq!(found(&["page", "open"], "Eleven sign"), [""; 0]);
        assert_eq!(found(&["line"], "Ten {x}signs."), [""; 0]);
    }
}
