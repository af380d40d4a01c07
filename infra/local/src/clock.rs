//! The wall clock, as the services write it.

use std::time::{SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock in this crate")]
pub(crate) fn epoch_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// `12/Mar/2020:19:03:58 +0000`, the `requestContext.time` of API Gateway.
pub(crate) fn common_log_time(epoch_ms: u64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = epoch_ms / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{day:02}/{}/{year}:{hour:02}:{minute:02}:{second:02} +0000",
        MONTHS.get(usize::try_from(month - 1).unwrap_or(0)).unwrap_or(&"")
    )
}

/// `2020-03-12T19:03:58.123Z`, the timestamps of JSON APIs.
pub(crate) fn iso8601(epoch_ms: u64) -> String {
    let seconds = epoch_ms / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", epoch_ms % 1000)
}

/// Year, month and day of a day number since 1970 (Gregorian calendar, counted in 400-year cycles
/// that start on 1 March).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (cycle, day_of_cycle) = (days / 146_097, days % 146_097);
    let year = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_documentation() {
        assert_eq!(common_log_time(1_583_348_638_390), "04/Mar/2020:19:03:58 +0000");
        assert_eq!(common_log_time(951_782_400_000), "29/Feb/2000:00:00:00 +0000");
        assert_eq!(common_log_time(0), "01/Jan/1970:00:00:00 +0000");
        assert_eq!(iso8601(1_583_348_638_390), "2020-03-04T19:03:58.390Z");
    }
}
