//! Answers: the tokens of TDS that a server sends [2.2.7].

use super::value::{Type, Value};

/// An answer being written.
#[derive(Default)]
pub struct Answer(pub Vec<u8>);

impl Answer {
    fn b_varchar(&mut self, text: &str) {
        let units: Vec<u16> = text.encode_utf16().take(255).collect();
        self.0.push(units.len() as u8);
        units.iter().for_each(|unit| self.0.extend(unit.to_le_bytes()));
    }

    fn sized(&mut self, token: u8, write: impl FnOnce(&mut Answer)) {
        let mut inner = Answer::default();
        write(&mut inner);
        self.0.push(token);
        self.0.extend((inner.0.len() as u16).to_le_bytes());
        self.0.extend(inner.0);
    }

    /// ERROR 0xAA or INFO 0xAB.
    pub fn message(&mut self, token: u8, number: i32, class: u8, text: &str) {
        self.sized(token, |answer| {
            answer.0.extend(number.to_le_bytes());
            answer.0.extend([1, class]);
            let units: Vec<u16> = text.encode_utf16().collect();
            answer.0.extend((units.len() as u16).to_le_bytes());
            units.iter().for_each(|unit| answer.0.extend(unit.to_le_bytes()));
            answer.b_varchar("FAKE");
            answer.b_varchar("");
            answer.0.extend(1u32.to_le_bytes());
        });
    }

    pub fn error(&mut self, number: i32, text: &str) {
        self.message(0xaa, number, 16, text);
    }

    pub fn environment(&mut self, kind: u8, new: &str, old: &str) {
        self.sized(0xe3, |answer| {
            answer.0.push(kind);
            answer.b_varchar(new);
            answer.b_varchar(old);
        });
    }

    /// 8 begin, 9 commit, 10 rollback [2.2.7.9].
    pub fn transaction(&mut self, kind: u8, new: u64, old: u64) {
        self.sized(0xe3, |answer| {
            answer.0.push(kind);
            for descriptor in [new, old] {
                if descriptor == 0 {
                    answer.0.push(0);
                } else {
                    answer.0.push(8);
                    answer.0.extend(descriptor.to_le_bytes());
                }
            }
        });
    }

    pub fn login_ack(&mut self, version: u32) {
        self.sized(0xad, |answer| {
            answer.0.push(1);
            answer.0.extend(version.to_be_bytes());
            answer.b_varchar("Microsoft SQL Server");
            answer.0.extend([16, 0, 0x10, 0x27]);
        });
        self.sized(0xe3, |answer| answer.0.extend([7, 5, 9, 4, 0xd0, 0, 52, 0]));
    }

    /// DONE 0xFD, DONEPROC 0xFE, DONEINPROC 0xFF.
    pub fn done(&mut self, token: u8, status: u16, rows: u64) {
        self.0.push(token);
        self.0.extend(status.to_le_bytes());
        self.0.extend(0u16.to_le_bytes());
        self.0.extend(rows.to_le_bytes());
    }

    pub fn return_status(&mut self) {
        self.0.push(0x79);
        self.0.extend(0i32.to_le_bytes());
    }

    /// COLMETADATA and its ROWs.
    pub fn rows(&mut self, columns: &[(String, Type)], rows: &[Vec<Value>]) {
        self.0.push(0x81);
        self.0.extend((columns.len() as u16).to_le_bytes());
        for (name, kind) in columns {
            self.0.extend(0u32.to_le_bytes());
            self.0.extend([9, 0]);
            match kind {
                Type::Int => self.0.extend([0x26, 4]),
                Type::Tiny => self.0.extend([0x26, 1]),
                Type::Bit => self.0.extend([0x68, 1]),
                Type::Bin => self.0.extend([0xa5, 0x40, 0x1f]),
                Type::Str | Type::Time => self.0.extend([0xe7, 0x40, 0x1f, 9, 4, 0xd0, 0, 52]),
            }
            self.b_varchar(name);
        }
        for row in rows {
            self.0.push(0xd1);
            for ((_, kind), value) in columns.iter().zip(row) {
                self.value(*kind, value);
            }
        }
    }

    fn value(&mut self, kind: Type, value: &Value) {
        let long = |bytes: Option<Vec<u8>>| match bytes {
            None => vec![0xff, 0xff],
            Some(bytes) => [(bytes.len() as u16).to_le_bytes().to_vec(), bytes].concat(),
        };
        let bytes = match (kind, value) {
            (Type::Str | Type::Time | Type::Bin, Value::Null) => long(None),
            (_, Value::Null) => vec![0],
            (Type::Int, value) => [vec![4], (value.int() as i32).to_le_bytes().to_vec()].concat(),
            (Type::Tiny, value) => vec![1, value.int() as u8],
            (Type::Bit, value) => vec![1, u8::from(value.int() != 0)],
            (Type::Bin, Value::Bin(bytes)) => long(Some(bytes.clone())),
            (_, value) => {
                let units = value.text().encode_utf16().flat_map(u16::to_le_bytes).collect();
                long(Some(units))
            }
        };
        self.0.extend(bytes);
    }
}
