//! Code out of an answer that may dress it in Markdown, whatever it was asked for.
//!
//! Fences as CommonMark has them: three or more backticks or tildes at the start of a line, closed by at least as many.
//! Deliberately absent: any other Markdown.

/// What is inside the one fenced block of an answer, or the answer itself when there is none. In a language that has
/// fences of its own, only a fence around the whole answer counts.
///
/// # Errors
/// Several blocks: which of them is the completion cannot be known.
pub(super) fn strip(answer: &str, has_own: bool) -> Result<&str, Vec<String>> {
    let blocks = blocks(answer);
    match blocks.as_slice() {
        [] => Ok(answer),
        _ if has_own => Ok(around(answer).unwrap_or(answer)),
        [block] => Ok(block),
        _ => Err(vec!["The answer has several code blocks: give one completion, without fences or prose.".to_owned()]),
    }
}

/// The insides of the fenced blocks; one that is not closed ends with the text.
fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, char, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        match (open, fence(line)) {
            (None, Some((mark, count, _))) => open = Some((next, mark, count)),
            (Some((start, mark, count)), Some((other, more, true))) if mark == other && more >= count => {
                blocks.push(text.get(start..at).unwrap_or_default());
                open = None;
            }
            _ => {}
        }
        at = next;
    }
    if let Some((start, _, _)) = open {
        blocks.push(text.get(start..).unwrap_or_default());
    }
    blocks
}

/// A fence line: its mark, how often, and whether nothing follows, as in a closing one.
fn fence(line: &str) -> Option<(char, usize, bool)> {
    let body = line.trim_end_matches(['\n', ' ', '\t']);
    let inner = body.trim_start_matches(' ');
    let mark = inner.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let count = inner.chars().take_while(|c| *c == mark).count();
    let info = &inner[count..];
    let is_fence = count >= 3 && body.len() - inner.len() <= 3 && !(mark == '`' && info.contains('`'));
    is_fence.then_some((mark, count, info.is_empty()))
}

/// The inside of a fence that begins with the answer's first line and ends with its last.
fn around(answer: &str) -> Option<&str> {
    let whole = answer.trim();
    let first = whole.lines().next().and_then(fence);
    let last = whole.lines().next_back().and_then(fence);
    match (first, last, blocks(whole).as_slice()) {
        (Some(_), Some((.., true)), [inside]) => Some(inside),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_fence_is_taken_off_with_the_prose_around_it() {
        for (answer, inner) in [
            ("    x + 1\n}", "    x + 1\n}"),
            ("```rust\n    x + 1\n}\n```", "    x + 1\n}\n"),
            ("Here you go:\n\n```\nx\n```\n\nThis adds one.", "x\n"),
            ("~~~~ python\nx\n~~~\n~~~~\n", "x\n~~~\n"),
            ("```js\nlet a = `b`;\n// ``` not a fence\n```", "let a = `b`;\n// ``` not a fence\n"),
            ("```rust\nfn a() {}", "fn a() {}"),
            ("```x``` is inline", "```x``` is inline"),
            ("     ```\nfar in", "     ```\nfar in"),
            ("```\n```", ""),
        ] {
            assert_eq!(strip(answer, false), Ok(inner), "{answer}");
        }
        assert!(strip("```\na\n```\nor\n```\nb\n```", false).is_err());
    }

    #[test]
    fn a_language_with_fences_keeps_its_own() {
        let own = "Text\n```sh\nls\n```\nmore";
        assert_eq!(strip(own, true), Ok(own));
        assert_eq!(strip("````markdown\nText\n```sh\nls\n```\nmore\n````", true), Ok("Text\n```sh\nls\n```\nmore\n"));
        let two = "```sh\nls\n```\nor\n```sh\npwd\n```";
        assert_eq!(strip(two, true), Ok(two));
    }

    proptest! {
        #[test]
        fn what_comes_out_was_inside(answer in "([`~]{0,5}[a-zé \n]{0,8}\n?){0,12}", own in any::<bool>()) {
            if let Ok(inner) = strip(&answer, own) {
                prop_assert!(answer.contains(inner));
            }
        }
    }
}
