use super::{End, Follower, Found, LARGE, Large, SocketLimits};

/// As many fragments as a message may have unless something else is set.
const MAX_FRAGMENTS: u32 = 256;
const KEY: [u8; 4] = [1, 2, 3, 4];

/// A frame of a client: masked, as most are.
fn frame(first: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..126 => bytes.push(0x80 | len as u8),
        126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes.resize(bytes.len() + len, 0xff);
    bytes
}

fn follower() -> Follower {
    Follower::new(End::Server, &SocketLimits::new(1 << 20))
}

/// Follows bytes that come one by one, as [`super::super::socket::Socket`] does; what was handed over, and the large message.
fn one_by_one(bytes: &[u8]) -> (usize, Option<Large>) {
    let (mut follower, mut handed_over) = (follower(), 0);
    for byte in bytes {
        let mut piece = follower.held().to_vec();
        follower.forget_held();
        piece.push(*byte);
        let found = follower.follow(&piece).unwrap();
        handed_over += found.handed_over;
        if let Some((large, _)) = found.large {
            return (handed_over, Some(large));
        }
    }
    (handed_over, None)
}

#[test]
fn small_frames_are_handed_over_whole() {
    for first in [0x81, 0x82, 0x01, 0x80, 0x89, 0x8a, 0x88] {
        for len in [0, 1, 125, 126, LARGE] {
            let frame = frame(first, len);
            assert_eq!(one_by_one(&frame), (frame.len(), None), "{first:x} {len}");
            let all = Found { handed_over: frame.len(), large: None };
            assert_eq!(follower().follow(&frame).unwrap(), all);
        }
    }
}

#[test]
fn a_header_is_held_back_until_it_is_whole() {
    let (mut follower, bytes) = (follower(), [frame(0x82, 300), frame(0x82, 300)].concat());
    let first = frame(0x82, 300).len();
    assert_eq!(follower.follow(&bytes[..first + 3]).unwrap(), Found { handed_over: first, large: None });
    assert_eq!(follower.held(), &bytes[first..first + 3]);
}

#[test]
fn a_large_message_is_found_before_its_header_is_handed_over() {
    for len in [LARGE + 1, 0xffff, 0x1_0000, 1 << 20] {
        let (small, large) = (frame(0x82, 5), frame(0x81, len));
        let expected = Large { is_text: true, len, mask: KEY };
        let bytes = [&small[..], &large].concat();
        let payload_at = bytes.len() - len;
        let found = Found { handed_over: small.len(), large: Some((expected, payload_at)) };
        assert_eq!(follower().follow(&bytes).unwrap(), found);
        assert_eq!(one_by_one(&bytes), (small.len(), Some(expected)));
    }
}

#[test]
fn what_is_not_right_is_left_to_tungstenite() {
    let too_large = frame(0x82, (1 << 20) + 1);
    let reserved_bit = frame(0xc2, 5000);
    let reserved_opcode = frame(0x83, 5000);
    let mut unmasked = vec![0x82, 126];
    unmasked.extend(5000_u16.to_be_bytes());
    unmasked.resize(5004, 0);
    for bytes in [&too_large, &reserved_bit, &reserved_opcode, &unmasked] {
        let all = Found { handed_over: bytes.len(), large: None };
        assert_eq!(follower().follow(bytes).unwrap(), all, "{:x?}", &bytes[..4]);
    }
}

#[test]
fn large_fragments_are_left_to_tungstenite() {
    let fragments = [frame(0x02, 5000), frame(0x89, 1), frame(0x00, 5000), frame(0x80, 5000)].concat();
    let mut follower = follower();
    assert_eq!(follower.follow(&fragments).unwrap(), Found { handed_over: fragments.len(), large: None });
    assert!(follower.follow(&frame(0x82, 5000)).unwrap().large.is_some(), "the next message is whole again");
}

#[test]
fn fragments_are_counted_per_message_and_control_frames_are_not() {
    let mut follower = follower();
    for _ in 0..3 {
        follower.follow(&frame(0x02, 0)).unwrap();
        for _ in 0..MAX_FRAGMENTS - 2 {
            follower.follow(&frame(0x00, 0)).unwrap();
            follower.follow(&frame(0x89, 5)).unwrap();
        }
        follower.follow(&frame(0x80, 0)).unwrap();
    }
    follower.follow(&frame(0x02, 0)).unwrap();
    let error = (0..MAX_FRAGMENTS).find_map(|_| follower.follow(&frame(0x00, 0)).err()).unwrap();
    assert!(error.to_string().contains("fragments"));
}
