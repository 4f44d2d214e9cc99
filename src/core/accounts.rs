//! The two tables of users and groups, /etc/passwd and /etc/group, as bytes (`passwd(5)`,
//! `group(5)`): the C library's own way to them can't be had in a static binary.

/// One line of /etc/passwd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// Login name.
    pub name: &'a [u8],
    /// User number.
    pub uid: u32,
    /// Number of its own group.
    pub gid: u32,
    /// Home folder; may be empty.
    pub home: &'a [u8],
    /// Login shell; may be empty.
    pub shell: &'a [u8],
}

/// One line of /etc/group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its number.
    pub gid: u32,
    members: &'a [u8],
}

impl<'a> Group<'a> {
    /// The users that are named as its members.
    pub fn members(&self) -> impl Iterator<Item = &'a [u8]> {
        self.members
            .split(|byte| *byte == b',')
            .filter(|name| !name.is_empty())
    }
}

/// Every user of /etc/passwd's text; lines that are none are skipped.
pub fn users(passwd: &[u8]) -> impl Iterator<Item = User<'_>> {
    lines(passwd).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let _password = fields.next()?;
        let uid = number(fields.next()?)?;
        let gid = number(fields.next()?)?;
        let _description = fields.next();
        Some(User {
            name,
            uid,
            gid,
            home: fields.next().unwrap_or_default(),
            shell: fields.next().unwrap_or_default(),
        })
    })
}

/// Every group of /etc/group's text; lines that are none are skipped.
pub fn groups(group: &[u8]) -> impl Iterator<Item = Group<'_>> {
    lines(group).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let _password = fields.next()?;
        Some(Group {
            name,
            gid: number(fields.next()?)?,
            members: fields.next().unwrap_or_default(),
        })
    })
}

/// The user of this name, or else of this number. (A number without entry is a user
/// too, for whom `number` suffices.)
#[must_use]
pub fn find_user<'a>(passwd: &'a [u8], name_or_number: &str) -> Option<User<'a>> {
    let id = number(name_or_number.as_bytes());
    users(passwd)
        .find(|user| user.name == name_or_number.as_bytes())
        .or_else(|| users(passwd).find(|user| Some(user.uid) == id))
}

/// The group of this name, or else of this number.
#[must_use]
pub fn find_group<'a>(group: &'a [u8], name_or_number: &str) -> Option<Group<'a>> {
    let id = number(name_or_number.as_bytes());
    groups(group)
        .find(|entry| entry.name == name_or_number.as_bytes())
        .or_else(|| groups(group).find(|entry| Some(entry.gid) == id))
}

/// A user's or group's number in digits. The greatest one means "unchanged" to the
/// kernel (`setresuid(2)`) and is nobody's.
#[must_use]
pub fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number != u32::MAX).then_some(number)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n# no user\nbroken\n:x:1:1\nredis:x:101:102::/var/lib/redis:/usr/sbin/nologin\nshort:x:7:8\n12:x:13:13:::\nbig:x:4294967295:0:::\n";
    const GROUP: &[u8] = b"root:x:0:\nredis:x:102:\nadm:x:4:syslog,redis,\nbad:x:\n";

    #[test]
    fn users_are_found_by_name_then_by_number() {
        let redis = find_user(PASSWD, "redis").unwrap();
        assert_eq!((redis.uid, redis.gid), (101, 102));
        assert_eq!(redis.home, b"/var/lib/redis");
        assert_eq!(redis.shell, b"/usr/sbin/nologin");
        assert_eq!(find_user(PASSWD, "0").unwrap().name, b"root");
        assert_eq!(find_user(PASSWD, "12").unwrap().uid, 13);
        assert_eq!(find_user(PASSWD, "short").unwrap().home, b"");
        for nobody in ["broken", "big", "", "102", "4294967295", "root "] {
            assert_eq!(find_user(PASSWD, nobody), None, "{nobody}");
        }
    }

    #[test]
    fn groups_name_their_members() {
        let adm = find_group(GROUP, "adm").unwrap();
        assert_eq!(
            adm.members().collect::<Vec<_>>(),
            [&b"syslog"[..], b"redis"]
        );
        assert_eq!(find_group(GROUP, "102").unwrap().name, b"redis");
        assert_eq!(find_group(GROUP, "bad"), None);
    }
}
