//! The one table of close codes, in `docs/protocol.md`, against the code.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{CloseCode, ProtocolError, RequestId};

const ALL: [CloseCode; 21] = [
    CloseCode::NORMAL,
    CloseCode::GOING_AWAY,
    CloseCode::PROTOCOL,
    CloseCode::UNSUPPORTED,
    CloseCode::NO_CODE,
    CloseCode::ABNORMAL,
    CloseCode::INVALID_PAYLOAD,
    CloseCode::POLICY,
    CloseCode::TOO_BIG,
    CloseCode::INTERNAL,
    CloseCode::RESTART,
    CloseCode::TRY_LATER,
    CloseCode::BAD_MESSAGE,
    CloseCode::UNAUTHENTICATED,
    CloseCode::REVOKED,
    CloseCode::AUTH_TIMEOUT,
    CloseCode::PONG_TIMEOUT,
    CloseCode::TOO_MANY,
    CloseCode::RATE,
    CloseCode::SLOW_CONSUMER,
    CloseCode::IDS_EXHAUSTED,
];

/// The rows `| code | meaning | reconnect |` of the document.
fn table() -> BTreeMap<u16, bool> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("## Closing").nth(1).unwrap();
    let rows = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let code = cells.get(1)?.parse().ok()?;
        Some((
            code,
            match *cells.get(3)? {
                "yes" => true,
                "no" => false,
                other => panic!("{other} is neither yes nor no"),
            },
        ))
    });
    rows.collect()
}

#[test]
fn the_document_says_after_which_codes_a_client_reconnects() {
    let table = table();
    assert_eq!(table.len(), ALL.len());
    for code in (0..=u16::MAX).map(CloseCode) {
        let documented = table.get(&code.0).copied();
        assert_eq!(documented.is_some(), ALL.contains(&code), "{code}");
        assert_eq!(documented.unwrap_or(false), code.may_reconnect(), "{code}");
    }
}

#[test]
fn every_broken_rule_closes_with_a_code_of_the_table() {
    let second = Duration::from_secs(1);
    for (error, code) in [
        (ProtocolError::WebSocket(String::new()), 1002),
        (ProtocolError::NotUtf8, 1007),
        (ProtocolError::PacketTooLarge(1), 1009),
        (ProtocolError::TooManyFragments(1), 1008),
        (ProtocolError::TooManyControlFrames, 1008),
        (ProtocolError::WrongPacketKind { expected: "", found: "" }, 1003),
        (ProtocolError::BadFrame(""), 4400),
        (ProtocolError::TooManyFrames(1), 4400),
        (ProtocolError::UnknownKind(0), 4400),
        (ProtocolError::Unexpected(""), 4400),
        (ProtocolError::WrongParity(RequestId(1)), 4400),
        (ProtocolError::IdReused(RequestId(1)), 4400),
        (ProtocolError::Version(2), 4400),
        (ProtocolError::LoginTimeout(second), 4408),
        (ProtocolError::MessageTimeout(second), 4408),
        (ProtocolError::NoRoom, 1013),
        (ProtocolError::TooManyMessages, 4429),
        (ProtocolError::Silent(second), 4410),
        (ProtocolError::TooMuchBeforeLogin, 4401),
        (ProtocolError::SlowConsumer, 4431),
        (ProtocolError::TooManyDenials, 4429),
        (ProtocolError::IdsExhausted, 4440),
    ] {
        assert_eq!(error.close_code().0, code, "{error}");
        assert!(table().contains_key(&code), "{code}");
    }
}
