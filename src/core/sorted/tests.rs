use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Map, Set, sort_by_key};

proptest! {
    #[test]
    fn a_map_is_what_the_library_s_is(orders in prop::collection::vec((0..4u8, 0..20u8, 0..99u8), 0..60)) {
        let (mut ours, mut theirs) = (Map::new(), BTreeMap::new());
        for (order, key, value) in orders {
            match order {
                0 => prop_assert_eq!(ours.remove(&key), theirs.remove(&key)),
                1 => prop_assert_eq!(ours.entry(key).or_insert(value), theirs.entry(key).or_insert(value)),
                2 => prop_assert_eq!(ours.pop_first(), theirs.pop_first()),
                _ => prop_assert_eq!(ours.insert(key, value), theirs.insert(key, value)),
            }
            prop_assert!(ours.iter().eq(theirs.iter()));
            prop_assert_eq!(ours.get(&key), theirs.get(&key));
        }
        prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }

    #[test]
    fn collected_of_equal_keys_the_last_stays(entries in prop::collection::vec((0..9u8, 0..99u8), 0..30)) {
        let ours: Map<_, _> = entries.iter().copied().collect();
        let theirs: BTreeMap<_, _> = entries.iter().copied().collect();
        prop_assert!(ours.iter().eq(theirs.iter()));
    }

    #[test]
    fn a_set_is_what_the_library_s_is(items in prop::collection::vec((0..3u8, 0..20u8), 0..60)) {
        let (mut ours, mut theirs) = (Set::new(), BTreeSet::new());
        for (order, item) in &items {
            match order {
                0 => prop_assert_eq!(ours.remove(item), theirs.remove(item)),
                _ => prop_assert_eq!(ours.insert(*item), theirs.insert(*item)),
            }
        }
        prop_assert!(ours.iter().eq(theirs.iter()));
        let all: Set<u8> = items.iter().map(|(_, item)| *item).collect();
        let known: BTreeSet<u8> = all.iter().copied().collect();
        prop_assert_eq!(all.len(), known.len());
        prop_assert!(all.difference(&ours).eq(known.difference(&theirs)));
    }

    #[test]
    fn what_is_equal_stays_as_it_stood(mut list in prop::collection::vec((0..9u8, 0..99u8), 0..60)) {
        let mut theirs = list.clone();
        theirs.sort_by_key(|(key, _)| *key);
        sort_by_key(&mut list, |(key, _)| *key);
        prop_assert_eq!(list, theirs);
    }
}
