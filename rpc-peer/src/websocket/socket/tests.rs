use super::{Follower, MAX_FRAGMENTS};

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
    bytes.extend([1, 2, 3, 4]);
    bytes.resize(bytes.len() + len, 0xff);
    bytes
}

#[test]
fn what_is_still_to_come_is_known_at_every_byte() {
    let frames: Vec<Vec<u8>> =
        [0, 1, 125, 126, 0xffff, 0x1_0000].iter().map(|len| frame(0x82, *len)).collect();
    let mut follower = Follower::default();
    for frame in &frames {
        for (index, byte) in frame.iter().enumerate() {
            follower.follow(&[*byte]).unwrap();
            let left = frame.len() - index - 1;
            assert!(
                follower.payload == left as u64 || follower.payload == 0,
                "{} of {left}",
                follower.payload
            );
        }
        assert_eq!((follower.payload, follower.header_len), (0, 0));
    }
    let mut whole = Follower::default();
    whole.follow(&frames.concat()).unwrap();
    assert_eq!((whole.payload, whole.header_len), (0, 0));
}

#[test]
fn fragments_are_counted_per_message_and_control_frames_are_not() {
    let mut follower = Follower::default();
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
