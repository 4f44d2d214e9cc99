//! Bonds that few services have.

use super::id::ServiceId;

/// Bonds that don't order by themselves, and the one that requires most (`systemd.unit(5)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// Stopped and restarted by hand with those.
    pub part_of: Box<[ServiceId]>,
    /// As `requires`, of services that stay.
    pub binds_to: Box<[ServiceId]>,
    /// Never runs beside those.
    pub conflicts: Box<[ServiceId]>,
    /// Those start when it has failed for good.
    pub on_failure: Box<[ServiceId]>,
    /// Those start when it has ended as it should.
    pub on_success: Box<[ServiceId]>,
    /// Stopped by hand with those, but not restarted (`StopPropagatedFrom=`).
    pub stops_with: Box<[ServiceId]>,
    /// Reloaded by hand with those (`ReloadPropagatedFrom=`).
    pub reloads_with: Box<[ServiceId]>,
    /// Those start with it where people or a trigger start it (`Requires=`, `Wants=`), in
    /// whatever order.
    pub starts: Box<[ServiceId]>,
    /// Those that need it: without any of them up it stops, if it is one that does
    /// (`StopWhenUnneeded=`).
    pub needed_by: Box<[ServiceId]>,
}

/// How many lists there are.
const LISTS: usize = 9;

impl Ties {
    /// All lists, in the order of the fields: what is done with each alike is done here.
    #[must_use]
    pub const fn lists(&self) -> [&[ServiceId]; LISTS] {
        let Self {
            part_of,
            binds_to,
            conflicts,
            on_failure,
            on_success,
            stops_with,
            reloads_with,
            starts,
            needed_by,
        } = self;
        [
            part_of,
            binds_to,
            conflicts,
            on_failure,
            on_success,
            stops_with,
            reloads_with,
            starts,
            needed_by,
        ]
    }

    /// The same, to be changed.
    pub const fn lists_mut(&mut self) -> [&mut Box<[ServiceId]>; LISTS] {
        let Self {
            part_of,
            binds_to,
            conflicts,
            on_failure,
            on_success,
            stops_with,
            reloads_with,
            starts,
            needed_by,
        } = self;
        [
            part_of,
            binds_to,
            conflicts,
            on_failure,
            on_success,
            stops_with,
            reloads_with,
            starts,
            needed_by,
        ]
    }
}

impl From<[Box<[ServiceId]>; LISTS]> for Ties {
    fn from(lists: [Box<[ServiceId]>; LISTS]) -> Self {
        let [
            part_of,
            binds_to,
            conflicts,
            on_failure,
            on_success,
            stops_with,
            reloads_with,
            starts,
            needed_by,
        ] = lists;
        Self {
            part_of,
            binds_to,
            conflicts,
            on_failure,
            on_success,
            stops_with,
            reloads_with,
            starts,
            needed_by,
        }
    }
}
