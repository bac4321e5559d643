//! The kernel's notation for sets of processors and nodes: numbers and ranges, `0-3,8-11`.

use super::CPUS_MAX;

/// The numbers that `text` lists, in order and each once; none in an empty text. `None` if it is no
/// list, or names a number that no machine has.
pub(super) fn parse(text: &str) -> Option<Vec<usize>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Vec::new());
    }
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last || numbers.len() + (last - first) >= CPUS_MAX {
            return None;
        }
        numbers.extend(first..=last);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

fn number(text: &str) -> Option<usize> {
    // `parse` would take a sign.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < CPUS_MAX)
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_listed_in_order_and_once() {
        assert_eq!(parse("0-3,8-11\n").unwrap(), [0, 1, 2, 3, 8, 9, 10, 11]);
        assert_eq!(parse("5").unwrap(), [5]);
        assert_eq!(parse("7,2-3,3").unwrap(), [2, 3, 7]);
        assert_eq!(parse("\n").unwrap(), []);
        assert_eq!(parse("65535").unwrap(), [CPUS_MAX - 1]);
        assert_eq!(parse("0-65535").unwrap().len(), CPUS_MAX);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["x", "1,", ",1", "3-1", "-1", "1-", "+1", "0x3", "1 2", "0-3:1/2", "65536"] {
            assert_eq!(parse(text), None, "{text}");
        }
        // However often it is said.
        assert_eq!(parse("0-65535,0-65535"), None);
        assert_eq!(parse("99999999999999999999999"), None);
    }
}
