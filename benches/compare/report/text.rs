//! Numbers and words as a reader wants them. In: figures in base units. Out: text, not yet
//! escaped, except by [`escape`].

/// For HTML, SVG and attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // XML has no place for them, not even escaped.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Three digits that matter, and all of a whole number; thousands by commas. What is no number is
/// a dash.
pub fn number(value: f64) -> String {
    let text = figure(value);
    // A power of ten has no zeros to lose.
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The same with the zeros at the end, for columns of figures.
fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    match size {
        _ if value.fract() == 0.0 => thousands(value),
        _ if size >= 99.95 => thousands(value),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.9995 => format!("{value:.2}"),
        _ if size >= 0.001 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

/// `12,345`.
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    match value < 0.0 && digits != "0" {
        true => format!("−{text}"),
        false => text,
    }
}

/// Requests a second.
pub fn rate(value: f64) -> String {
    format!("{}/s", figure(value))
}

/// Microseconds, as the unit that fits.
pub fn time(micros: f64) -> String {
    match micros {
        _ if !micros.is_finite() => "–".to_owned(),
        _ if micros >= 1e6 => format!("{} s", figure(micros / 1e6)),
        _ if micros >= 1e3 => format!("{} ms", figure(micros / 1e3)),
        _ => format!("{} µs", figure(micros)),
    }
}

/// Of memory or a body.
pub fn bytes(value: f64) -> String {
    match value {
        _ if value >= 1024.0 * 1024.0 * 1024.0 => {
            format!("{} GiB", figure(value / 1_073_741_824.0))
        }
        _ if value >= 1024.0 * 1024.0 => format!("{} MiB", figure(value / 1_048_576.0)),
        _ if value >= 1024.0 => format!("{} KiB", figure(value / 1024.0)),
        _ => format!("{} B", figure(value)),
    }
}

/// `0.93`; a dash if one of them is missing or nothing.
pub fn ratio(part: Option<f64>, whole: Option<f64>) -> String {
    match (part, whole) {
        (Some(part), Some(whole)) if whole > 0.0 => times(part / whole),
        _ => "–".to_owned(),
    }
}

/// A ratio, always with two digits or more behind the point.
pub fn times(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "–".to_owned(),
        _ if value != 0.0 && value < 0.01 => format!("{value:.4}"),
        _ => format!("{value:.2}"),
    }
}

/// `93 %` of a share, on one line.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // 99.9 % is not 100 %.
    let is_fine = (99.0..100.0).contains(&percent) || percent < 1.0;
    let percent = if is_fine {
        (percent * 10.0).round() / 10.0
    } else {
        percent.round()
    };
    format!("{}\u{a0}%", number(percent))
}

/// `$3.50`, `$1,050`, `$0.00250`.
pub fn dollars(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "–".to_owned(),
        _ if value >= 100.0 => format!("${}", thousands(value)),
        _ if value >= 0.095 || value == 0.0 => format!("${value:.2}"),
        _ if value >= 0.0095 => format!("${value:.3}"),
        _ if value >= 0.000_095 => format!("${value:.5}"),
        _ => format!("${value:.1e}"),
    }
}

/// Of requests: `15 million`.
pub fn volume(requests: f64) -> String {
    match requests {
        _ if !requests.is_finite() => "–".to_owned(),
        _ if requests >= 1e6 => format!("{} million", figure(requests / 1e6)),
        _ => thousands(requests),
    }
}

/// `20261126T030405Z` and `2026-11-26T03:04:05Z` as `2026-11-26, 03:04 UTC`; others as they are.
pub fn day(began: &str) -> String {
    let digits: String = began.chars().filter(char::is_ascii_digit).collect();
    let is_time = began.ends_with('Z') && began.contains('T') && digits.len() == 14;
    match is_time {
        true => format!(
            "{}-{}-{}, {}:{} UTC",
            &digits[..4],
            &digits[4..6],
            &digits[6..8],
            &digits[8..10],
            &digits[10..12]
        ),
        false => began.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_04, "4.0e-5"),
            (0.1234, "0.123"),
            (0.9999, "1"),
            (1.5, "1.5"),
            (9.999, "10"),
            (12.34, "12.3"),
            (99.96, "100"),
            (1234.5, "1,234"),
            (-1_234_567.0, "−1,234,567"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn units_fit_their_figures() {
        assert_eq!(
            [time(12.3), time(1234.0), time(2e6)],
            ["12.3 µs", "1.23 ms", "2 s"]
        );
        assert_eq!(
            [bytes(10.0), bytes(10_240.0), bytes(3e9)],
            ["10 B", "10 KiB", "2.79 GiB"]
        );
        assert_eq!(
            [dollars(3.5), dollars(1050.0), dollars(0.0025)],
            ["$3.50", "$1,050", "$0.00250"]
        );
        assert_eq!(
            [volume(15.12e6), volume(1e10)],
            ["15.1 million", "10,000 million"]
        );
        assert_eq!(
            [ratio(Some(1.0), Some(3.0)), ratio(Some(1.0), Some(0.0))],
            ["0.33", "–"]
        );
    }

    #[test]
    fn percents_have_a_digit_behind_the_point_at_the_ends() {
        let percents = [0.5, 0.7012, 0.999, 0.004, 1.2].map(percent);
        assert_eq!(
            percents,
            [
                "50\u{a0}%",
                "70\u{a0}%",
                "99.9\u{a0}%",
                "0.4\u{a0}%",
                "120\u{a0}%"
            ]
        );
    }

    #[test]
    fn days_are_read_and_other_words_left() {
        let day = ["20261126T030405Z", "2026-11-26T03:04:05Z", "yesterday", "é"].map(day);
        assert_eq!(
            day,
            [
                "2026-11-26, 03:04 UTC",
                "2026-11-26, 03:04 UTC",
                "yesterday",
                "é"
            ]
        );
    }

    #[test]
    fn nothing_that_is_escaped_ends_a_tag_or_an_attribute() {
        assert_eq!(
            escape("<a href=\"'&\">\u{0}\u{1b}é"),
            "&lt;a href=&quot;&#39;&amp;&quot;&gt;��é"
        );
    }
}
