use super::*;

#[test]
fn the_startup_is_as_vertica_python_writes_it() {
    // Its first lines: `pack('!I', 3 << 16 | 5)`, then `pack('!16sxIx', b'protocol_version', …)`, then pairs, then a NUL.
    let bytes = startup(&[("user", "ann"), ("database", "db")]);
    let mut expected = vec![0, 0, 0, 55, 0, 3, 0, 5];
    expected.extend(b"protocol_version\0\x00\x03\x00\x10\0user\0ann\0database\0db\0\0");
    expected[3] = u8::try_from(expected.len()).expect("short");
    assert_eq!(bytes, expected);
}

#[test]
fn statements_carry_their_length_and_a_nul() {
    assert_eq!(query("ab"), b"Q\0\0\0\x07ab\0");
    assert_eq!(password("md5x"), b"p\0\0\0\x09md5x\0");
    assert_eq!(ssl_request(), [0, 0, 0, 8, 4, 210, 22, 47]);
    assert_eq!(terminate(), b"X\0\0\0\x04");
}

#[test]
fn challenges_are_told_apart() {
    let of = |code: u32, rest: &[u8]| {
        let mut body = code.to_be_bytes().to_vec();
        body.extend(rest);
        challenge(&body)
    };
    assert_eq!(of(0, &[]), Ok(Challenge::Passed));
    assert_eq!(of(3, &[]), Ok(Challenge::Cleartext));
    for code in [5, 65_541] {
        assert_eq!(of(code, b"salt"), Ok(Challenge::Md5 { salt: *b"salt" }));
        assert!(of(code, b"sal").is_err());
    }
    for code in [65_536, 66_048] {
        let user_salt = b"0123456789abcdef".to_vec();
        assert_eq!(
            of(code, b"salt\0\0\0\x100123456789abcdef"),
            Ok(Challenge::Sha512 {
                salt: *b"salt",
                user_salt
            })
        );
        assert!(of(code, b"salt\0\0\0\x040123").is_err());
    }
    assert_eq!(of(9, &[]), Ok(Challenge::Expired));
    assert_eq!(of(11, &[]), Ok(Challenge::Grace));
    assert_eq!(of(12, &[]), Ok(Challenge::Other(12)));
    assert!(challenge(&[0, 0]).is_err());
}

/// One column, as a description has it after the pool of types.
fn column(name: &str, table: bool, parent: Option<u16>) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes.extend(u64::from(table).to_be_bytes());
    if table {
        bytes.extend(b"sales\0items\0");
    }
    bytes.extend([0, 1]);
    if let Some(parent) = parent {
        bytes.extend(parent.to_be_bytes());
    }
    bytes.extend([0, 0, 0, 0, 9, 255, 255, 0, 1, 0, 0, 255, 255, 255, 255, 0, 0]);
    bytes
}

#[test]
fn columns_are_described_in_both_layouts() {
    let mut body = vec![0, 2, 0, 0, 0, 1, 0, 0, 0, 116];
    body.extend(b"geometry\0");
    let head = body.clone();
    body.extend(column("a", true, None));
    body.extend(column("b", false, None));
    assert_eq!(
        columns(&body, Dialect::default()),
        Ok(vec!["a".to_owned(), "b".to_owned()])
    );
    let complex = Dialect {
        version: WANTED_VERSION,
        complex_types: true,
    };
    assert!(columns(&body, complex).is_err(), "the layouts differ");
    let mut body = head;
    body.extend(column("a", true, Some(0)));
    body.extend(column("b", false, Some(1)));
    assert_eq!(
        columns(&body, complex),
        Ok(vec!["a".to_owned()]),
        "a child is no column of its own"
    );
    // An older server never describes parents, whatever it echoes.
    let older = Dialect {
        version: 3 << 16 | 9,
        complex_types: true,
    };
    assert!(columns(&body, older).is_err());
    assert_eq!(columns(&[0, 0], Dialect::default()), Ok(Vec::new()));
    for cut in 1..body.len() {
        assert!(columns(&body[..cut], complex).is_err(), "cut at {cut}");
    }
}

#[test]
fn rows_hold_texts_and_nulls() {
    assert_eq!(
        row(b"\0\x03\0\0\0\x01a\xff\xff\xff\xff\0\0\0\0"),
        Ok(vec![Some("a".to_owned()), None, Some(String::new())])
    );
    for bad in [
        &b"\0\x01\0\0\0\x02a"[..],
        b"\0\x01",
        b"\0\0x",
        b"\0\x01\xff\xff\xff\xfe",
    ] {
        assert!(row(bad).is_err(), "{bad:?}");
    }
    assert_eq!(
        row(b"\0\x01\0\0\0\x02a\xff"),
        Ok(vec![Some("a\u{fffd}".to_owned())])
    );
}

#[test]
fn an_error_is_read_as_far_as_it_goes() {
    let read = notice(b"SERROR\0C42501\0MPermission denied\0V3580\0Fx.cpp\0\0");
    assert_eq!(
        read,
        Notice {
            severity: "ERROR".to_owned(),
            code: "42501".to_owned(),
            message: "Permission denied".to_owned()
        }
    );
    assert_eq!(notice(b"C42501\0Mcut").code, "42501");
    assert_eq!(notice(b""), Notice::default());
}
