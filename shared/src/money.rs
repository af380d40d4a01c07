//! Money, in whole nano-dollars: the cheapest token costs 5 of them, so nothing that is metered is ever a fraction that
//! somebody rounds away.
//!
//! Deliberately absent: floating point in any sum, negative amounts, other currencies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of US dollars, never negative; arithmetic saturates, which only ever errs towards refusing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

const NANOS: u64 = 1_000_000_000;
const DIGITS: usize = 9;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The given number of nano-dollars.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The given number of dollars.
    pub const fn from_dollars(dollars: u64) -> Self {
        Self(dollars.saturating_mul(NANOS))
    }

    /// Nano-dollars.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The sum; the largest amount if there is none.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; `None` if it would be negative.
    #[must_use]
    pub const fn minus(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The difference; nothing if it would be negative.
    #[must_use]
    pub const fn saturating_minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times the amount.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// `self * numerator / denominator`, rounded up; the largest amount if the denominator is zero.
    #[must_use]
    pub fn share_up(self, numerator: u64, denominator: u64) -> Self {
        if denominator == 0 {
            return Self(u64::MAX);
        }
        let product = u128::from(self.0) * u128::from(numerator);
        Self(u64::try_from(product.div_ceil(u128::from(denominator))).unwrap_or(u64::MAX))
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

/// `12.5`: dollars with up to nine decimals, without an exponent, a sign or trailing zeros.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, nanos) = (self.0 / NANOS, self.0 % NANOS);
        if nanos == 0 {
            return write!(f, "{dollars}");
        }
        let decimals = format!("{nanos:0DIGITS$}");
        write!(f, "{dollars}.{}", decimals.trim_end_matches('0'))
    }
}

/// Decimal dollars: digits, at most one point with digits on both sides, at most nine decimals.
impl FromStr for Money {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no amount of dollars such as 0.25 or 10, with at most {DIGITS} decimals");
        let (dollars, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(wrong()),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if dollars.is_empty() || !digits(dollars) || !digits(decimals) || decimals.len() > DIGITS {
            return Err(wrong());
        }
        let dollars: u64 = dollars.parse().map_err(|_| wrong())?;
        let nanos: u64 = format!("{decimals:0<DIGITS$}").parse().map_err(|_| wrong())?;
        dollars.checked_mul(NANOS).and_then(|whole| whole.checked_add(nanos)).map(Self).ok_or_else(wrong)
    }
}

/// A number of dollars. A double holds 15 significant digits, so amounts up to 999,999 dollars are written and read
/// exactly; sums are made of nanos, never of these numbers.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dollars: f64 = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(dollars)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `Display` of a double is its shortest decimal, without an exponent.
        f64::deserialize(deserializer)?.to_string().parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dollars_read_as_they_are_written() {
        for (text, nanos) in [
            ("0", 0),
            ("0.000000001", 1),
            ("0.25", 250_000_000),
            ("10", 10_000_000_000),
            ("100.5", 100_500_000_000),
            ("18446744073.709551615", u64::MAX),
        ] {
            assert_eq!(text.parse::<Money>().unwrap(), Money(nanos));
            assert_eq!(Money(nanos).to_string(), text);
        }
        assert_eq!("1.50".parse::<Money>().unwrap().to_string(), "1.5");
    }

    #[test]
    fn other_texts_are_no_money() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "$1",
            "1,5",
            "NaN",
            " 1",
            "0.0000000001",
            "1.2.3",
            "18446744074",
            "99999999999999999999",
            "１",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn json_has_dollars() {
        assert_eq!(serde_json::to_string(&Money(250_000_000)).unwrap(), "0.25");
        assert_eq!(serde_json::from_str::<Money>("0.005").unwrap(), Money(5_000_000));
        assert_eq!(serde_json::from_str::<Money>("10").unwrap(), Money::from_dollars(10));
        for text in ["-1", "\"1\"", "null", "1e-10", "1e30"] {
            assert!(serde_json::from_str::<Money>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_round_up() {
        assert_eq!(Money(1).share_up(1, 1_000_000), Money(1));
        assert_eq!(Money(0).share_up(9, 7), Money(0));
        assert_eq!(Money(10).share_up(3, 2), Money(15));
        assert_eq!(Money(u64::MAX).share_up(2, 1), Money(u64::MAX));
        assert_eq!(Money(1).share_up(1, 0), Money(u64::MAX));
    }

    #[test]
    fn arithmetic_never_wraps() {
        assert_eq!(Money(u64::MAX).plus(Money(1)), Money(u64::MAX));
        assert_eq!(Money(1).minus(Money(2)), None);
        assert_eq!(Money(1).saturating_minus(Money(2)), Money::ZERO);
        assert_eq!([Money(1), Money(2)].into_iter().sum::<Money>(), Money(3));
    }

    proptest! {
        #[test]
        fn text_and_json_are_exact(nanos in 0_u64..1_000_000_000_000_000) {
            let money = Money(nanos);
            prop_assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}") {
            if let Ok(money) = text.parse::<Money>() {
                prop_assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
            }
        }
    }
}
