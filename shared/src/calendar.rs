//! Days and months in UTC, as budgets count them.
//!
//! Deliberately absent: time zones (a budget that resets at a caller's own midnight could be reset twice a day) and
//! anything but the Gregorian calendar from 1970 on.

use std::fmt;

use crate::clock::Timestamp;

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u64,
    month: u8,
}

/// A calendar day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Its month.
    pub month: Month,
    /// Which day of it, from 1.
    pub day: u8,
}

const DAY_SECS: u64 = 86_400;

impl Month {
    /// The month after.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1 },
            month => Self { year: self.year, month: month + 1 },
        }
    }

    /// The month before; January 1970 has none.
    #[must_use]
    pub const fn previous(self) -> Self {
        match (self.year, self.month) {
            (1970, 1) => self,
            (year, 1) => Self { year: year - 1, month: 12 },
            (year, month) => Self { year, month: month - 1 },
        }
    }

    /// Its first moment.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_secs(days_before(self) * DAY_SECS)
    }

    /// One of its days.
    pub const fn day(self, day: u8) -> Date {
        Date { month: self, day }
    }
}

impl Date {
    /// The day that a moment is in.
    pub fn of(time: Timestamp) -> Self {
        // Days since 1 March of year 0, when the leap day is the last of a 4, 100 or 400 years' cycle.
        let days = time.secs() / DAY_SECS + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let small = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
        let day = small(of_year - (153 * from_march + 2) / 5 + 1);
        let month = small(if from_march < 10 { from_march + 3 } else { from_march - 9 });
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self { month: Month { year, month }, day }
    }

    /// The first moment of the next day.
    pub const fn end(self) -> Timestamp {
        Timestamp::from_secs((days_before(self.month) + self.day as u64) * DAY_SECS)
    }
}

/// Days from 1970-01-01 to the first of the month.
const fn days_before(Month { year, month }: Month) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = if month > 2 { month as u64 - 3 } else { month as u64 + 9 };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 - 719_468
}

/// `2026-11`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// `2026-11-23`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every day until 2200 agrees with the SDK's own calendar, and the months chain.
    #[test]
    fn every_day_is_as_rfc_3339_has_it() {
        let mut before = Date::of(Timestamp::from_secs(0));
        for day in 0..84_000 {
            let noon = Timestamp::from_secs(day * DAY_SECS + 43_200);
            let date = Date::of(noon);
            assert_eq!(date.to_string(), noon.rfc3339()[..10]);
            assert_eq!(date, Date::of(Timestamp::from_secs(day * DAY_SECS)));
            assert_eq!(date, Date::of(Timestamp::from_micros((day + 1) * DAY_SECS * 1_000_000 - 1)));
            assert_eq!(date.end(), Timestamp::from_secs((day + 1) * DAY_SECS));
            assert_eq!(Date::of(date.month.start()), date.month.day(1));
            if date.month != before.month {
                assert_eq!((before.month.next(), date.month.previous()), (date.month, before.month));
            }
            before = date;
        }
        assert_eq!(before.month.to_string(), "2199-12");
    }

    #[test]
    fn months_end_where_the_next_starts() {
        let month = Date::of(Timestamp::from_secs(1_795_440_540)).month;
        assert_eq!(month.to_string(), "2026-11");
        assert_eq!(month.next().start().rfc3339(), "2026-12-01T00:00:00Z");
        assert_eq!(month.next().next().start().rfc3339(), "2027-01-01T00:00:00Z");
        let first = Date::of(Timestamp::from_secs(0)).month;
        assert_eq!(first.previous(), first);
    }
}
