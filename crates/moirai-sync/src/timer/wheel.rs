//! A hierarchical timing wheel: insert, remove and fire in constant time, whatever the number.
//!
//! Time is counted in ticks. A level has [`SLOTS`] slots; one of level 0 holds what is due at one
//! tick, one of level `n` what is due within `SLOTS`ⁿ ticks that begin at a multiple of that:
//!
//! ```text
//!   elapsed = 3          insert(5)         insert(SLOTS + 9)
//!   level 0   │0│1│2│3│4│5│6│..            5 ──► slot 5
//!                    ▲    └ due at tick 5
//!   level 1   │0│1│2│..                    SLOTS + 9 ──► slot 1
//!                └ when `elapsed` reaches its first tick, its entries move down to level 0
//! ```
//!
//! An entry goes to the lowest level on which its slot is less than one turn away, so a slot never
//! holds entries of two turns. Entries lie in chunks that do not move and are used again; a slot is
//! a list of their indices. (Linked into a ring, each entry would be known only when the one before
//! has come from memory, and an insert would have to fetch a neighbour.) When a slot's turn comes, its
//! list becomes the list of what is due and the slot is empty. What is due earlier fires first; what
//! is due at the same tick, in the order in which it came to that slot, unless others have been
//! removed from it meanwhile.
//!
//! After Varghese and Lauck, "Hashed and hierarchical timing wheels" (1987), scheme 7. This file
//! knows neither time nor wakers, and no lock: it is a data structure.

use std::{fmt, mem};

use crate::prim::prefetch_write;

/// Entries by the tick at which they are due.
pub struct Wheel<T> {
    levels: Vec<Level>,
    entries: Entries<T>,
    /// What was in the slot whose turn it is: to be fired, or moved to nearer slots.
    begun: Begun,
    /// The earliest slot that is not empty.
    first: Slot,
    /// No entry is due before this tick, and no slot begins before it.
    elapsed: u64,
}

/// The list of a slot whose turn it is, from which entries are taken one by one.
struct Begun {
    place: Place,
    list: Vec<u32>,
    /// How many of the list have been taken.
    taken: usize,
}

/// One slot in this turn or the next.
#[derive(Clone, Copy)]
struct Slot {
    place: Place,
    /// Its first tick; [`NEVER`] of no slot at all.
    begin: u64,
}

/// Names one entry of one wheel; never given out twice, but after 2³² inserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u64);

/// What one step through the wheel's time has done.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Step<T> {
    /// Took out what is due.
    Due(T),
    /// Moved an entry nearer to its slot; there may be more to do.
    Moved,
    /// Nothing is due.
    Done,
}

impl<T> Wheel<T> {
    /// An empty wheel at tick 0.
    pub fn new() -> Self {
        Self {
            levels: Vec::new(),
            entries: Entries::new(),
            begun: Begun { place: NO_SLOT.place, list: Vec::new(), taken: 0 },
            first: NO_SLOT,
            elapsed: 0,
        }
    }

    /// The entries.
    pub fn len(&self) -> usize {
        self.entries.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.len == 0
    }

    /// Adds an entry that is due at `tick`, or at once if that has passed.
    pub fn insert(&mut self, tick: u64, value: T) -> Key {
        let (index, key) = self.entries.insert(tick, value);
        self.link(index);
        key
    }

    /// Takes an entry out; `None` if it has been taken out before.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let index = self.entries.find(key)?;
        self.unlink(index);
        Some(self.entries.remove(index))
    }

    /// Makes an entry due at another tick; its key stays. `None` if it has been taken out before.
    pub fn reset(&mut self, key: Key, tick: u64) -> Option<&mut T> {
        let index = self.entries.find(key)?;
        self.unlink(index);
        self.entries.at_mut(index).tick = tick;
        self.link(index);
        self.entries.at_mut(index).value.as_mut()
    }

    /// The entry, if it is still there.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.entries.find(key).and_then(|index| self.entries.at(index).value.as_ref())
    }

    /// The entry, if it is still there.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.find(key).and_then(|index| self.entries.at_mut(index).value.as_mut())
    }

    /// At or before the first tick at which something is due; [`NEVER`] without entries.
    pub fn next(&self) -> u64 {
        if self.begun.is_empty() { self.first.begin } else { self.elapsed }
    }

    /// Does one thing of what is to be done up to and including tick `now`. To be called until it is
    /// [`Step::Done`].
    pub fn step(&mut self, now: u64) -> Step<T> {
        if self.begun.is_empty() && !self.begin_slot(now) {
            self.elapsed = self.elapsed.max(now);
            return Step::Done;
        }
        let Some(index) = self.begun.take() else { return Step::Done };
        if let Some(&later) = self.begun.list.get(self.begun.taken + AHEAD) {
            prefetch_write(self.entries.at(later));
        }
        if self.entries.at(index).tick <= self.elapsed {
            return Step::Due(self.entries.remove(index));
        }
        self.link(index);
        Step::Moved
    }

    /// Takes out any entry.
    pub fn pop(&mut self) -> Option<T> {
        if self.begun.is_empty() {
            self.begin_slot(NEVER - 1);
        }
        let index = self.begun.take()?;
        Some(self.entries.remove(index))
    }

    /// Has the first slot begin, if its turn has come by `now`; whether it has.
    fn begin_slot(&mut self, now: u64) -> bool {
        let Slot { place, begin } = self.first;
        if begin > now || begin == NEVER {
            return false;
        }
        let slots = &mut self.levels[usize::from(place.level)];
        let number = usize::from(place.slot);
        mem::swap(&mut self.begun.list, &mut slots.lists[number]);
        self.begun.place = place;
        slots.occupied[number / WORD] &= !(1 << (number % WORD));
        self.elapsed = begin;
        self.first = self.find_first();
        true
    }

    /// Looks for the earliest slot that is not empty.
    fn find_first(&self) -> Slot {
        if self.is_empty() {
            return NO_SLOT;
        }
        let firsts = self.levels.iter().enumerate().filter_map(|(level, slots)| {
            let turned = self.elapsed >> (level as u32 * SLOT_BITS);
            let number = turned + slots.first_from(turned as usize % SLOTS)? as u64;
            // Of a far level the first slot may have begun before: then its turn is now.
            let begin = (number << (level as u32 * SLOT_BITS)).max(self.elapsed);
            Some(Slot { place: Place::of(level, number), begin })
        });
        firsts.min_by_key(|slot| slot.begin).unwrap_or(NO_SLOT)
    }

    /// Puts an entry into its slot.
    fn link(&mut self, index: u32) {
        let slot = self.slot_of(self.entries.at(index).tick.max(self.elapsed));
        if slot.begin < self.first.begin {
            self.first = slot;
        }
        let (level, number) = (usize::from(slot.place.level), usize::from(slot.place.slot));
        if level >= self.levels.len() {
            self.levels.resize_with(level + 1, Level::new);
        }
        let slots = &mut self.levels[level];
        slots.occupied[number / WORD] |= 1 << (number % WORD);
        let list = &mut slots.lists[number];
        let entry = self.entries.at_mut(index);
        (entry.place, entry.at) = (slot.place, list.len() as u32);
        list.push(index);
    }

    /// Takes an entry out of its list; the last of the list takes its place there.
    fn unlink(&mut self, index: u32) {
        let &Entry { place, at, .. } = self.entries.at(index);
        let at = at as usize;
        let in_begun = self.begun.holds(place, at, index);
        let (slots, number) = (&mut self.levels[usize::from(place.level)], usize::from(place.slot));
        let list = if in_begun { &mut self.begun.list } else { &mut slots.lists[number] };
        list.swap_remove(at);
        if let Some(&moved) = list.get(at) {
            self.entries.at_mut(moved).at = at as u32;
        }
        if in_begun {
            self.begun.end_if_empty();
        } else if list.is_empty() {
            give_back(list);
            slots.occupied[number / WORD] &= !(1 << (number % WORD));
            if place == self.first.place {
                self.first = self.find_first();
            }
        }
    }

    /// The slot of what is due at `tick`, which is not before `elapsed`.
    fn slot_of(&self, tick: u64) -> Slot {
        for level in 0..LEVELS {
            let shift = level as u32 * SLOT_BITS;
            let (from, to) = (self.elapsed >> shift, tick >> shift);
            if to - from < SLOTS as u64 {
                return Slot { place: Place::of(level, to), begin: to << shift };
            }
        }
        // Beyond the last turn: it is placed anew when that slot begins.
        let shift = (LEVELS - 1) as u32 * SLOT_BITS;
        let last = (self.elapsed >> shift) + SLOTS as u64 - 1;
        Slot { place: Place::of(LEVELS - 1, last), begin: last << shift }
    }
}

impl Begun {
    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn take(&mut self) -> Option<u32> {
        let &index = self.list.get(self.taken)?;
        self.taken += 1;
        self.end_if_empty();
        Some(index)
    }

    /// Whether the entry that was at this place is here, and not in the slot again.
    fn holds(&self, place: Place, at: usize, index: u32) -> bool {
        place == self.place && at >= self.taken && self.list.get(at) == Some(&index)
    }

    fn end_if_empty(&mut self) {
        if self.taken == self.list.len() {
            self.taken = 0;
            self.list.clear();
            give_back(&mut self.list);
        }
    }
}

/// An empty list keeps the memory of a few entries.
fn give_back(list: &mut Vec<u32>) {
    if list.capacity() > LIST_KEPT {
        *list = Vec::new();
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("entries", &self.entries.len)
            .field("elapsed", &self.elapsed)
            .field("next", &self.next())
            .finish_non_exhaustive()
    }
}

/// One turn of slots.
struct Level {
    /// One bit for each slot that is not empty.
    occupied: [u64; SLOTS / WORD],
    /// The entries of each slot.
    lists: [Vec<u32>; SLOTS],
}

impl Level {
    fn new() -> Self {
        Self { occupied: [0; SLOTS / WORD], lists: [const { Vec::new() }; SLOTS] }
    }

    /// How many slots after `start`, in the order of the turn, the first one is that is not empty.
    fn first_from(&self, start: usize) -> Option<usize> {
        let words = self.occupied.len();
        let bit = start % WORD;
        // The first word is looked at twice: from `start` on, and at the end up to it.
        (0..=words).find_map(|n| {
            let word = self.occupied[(start / WORD + n) % words];
            let word = match n {
                0 => word & (!0 << bit),
                _ if n == words => word & !(!0 << bit),
                _ => word,
            };
            (word != 0).then(|| n * WORD + word.trailing_zeros() as usize - bit)
        })
    }
}

/// All entries, in slots or free.
struct Entries<T> {
    chunks: Vec<Box<[Entry<T>]>>,
    /// The first of the free entries, linked by `at`.
    free: u32,
    len: usize,
    /// Told apart from all earlier users of the same place.
    generation: u32,
}

struct Entry<T> {
    /// `None` where it is free.
    value: Option<T>,
    tick: u64,
    /// Where it is in the list of its slot, or which the next free entry is.
    at: u32,
    generation: u32,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    level: u16,
    slot: u16,
}

impl Place {
    /// Of the slot with this number, counted from tick 0.
    fn of(level: usize, number: u64) -> Self {
        Self { level: level as u16, slot: (number % SLOTS as u64) as u16 }
    }
}

impl<T> Entries<T> {
    fn new() -> Self {
        Self { chunks: Vec::new(), free: NONE, len: 0, generation: 0 }
    }

    fn insert(&mut self, tick: u64, value: T) -> (u32, Key) {
        if self.free == NONE {
            self.grow();
        }
        let index = self.free;
        let generation = self.generation;
        self.generation = generation.wrapping_add(1);
        let entry = self.at_mut(index);
        let next_free = entry.at;
        (entry.value, entry.tick, entry.generation) = (Some(value), tick, generation);
        self.free = next_free;
        self.len += 1;
        (index, Key(u64::from(generation) << u32::BITS | u64::from(index)))
    }

    fn remove(&mut self, index: u32) -> T {
        let free = self.free;
        let entry = self.at_mut(index);
        let Some(value) = entry.value.take() else { unreachable!("a linked entry has a value") };
        entry.at = free;
        self.free = index;
        self.len -= 1;
        if self.len == 0 && self.chunks.len() > CHUNKS_KEPT {
            self.chunks = Vec::new();
            self.free = NONE;
        }
        value
    }

    fn find(&self, key: Key) -> Option<u32> {
        let (index, generation) = (key.0 as u32, (key.0 >> u32::BITS) as u32);
        let chunk = self.chunks.get(index as usize / CHUNK)?;
        let entry = &chunk[index as usize % CHUNK];
        (entry.value.is_some() && entry.generation == generation).then_some(index)
    }

    #[cold]
    fn grow(&mut self) {
        let first = (self.chunks.len() * CHUNK) as u32;
        assert!(first <= NONE - 2 * CHUNK as u32, "more than {NONE} timers");
        let last = first + CHUNK as u32 - 1;
        let free = |index| Entry {
            value: None,
            tick: 0,
            at: if index == last { NONE } else { index + 1 },
            generation: 0,
            place: Place::of(0, 0),
        };
        self.chunks.push((first..=last).map(free).collect());
        self.free = first;
    }

    fn at(&self, index: u32) -> &Entry<T> {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    fn at_mut(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

/// The tick of what is never due.
pub const NEVER: u64 = u64::MAX;

/// Slots of a level, as a power of two.
const SLOT_BITS: u32 = 9;
const SLOTS: usize = 1 << SLOT_BITS;

/// Together 2³⁶ ticks; what is due later waits in the last slot and is placed anew.
const LEVELS: usize = 4;

/// Slots of one word of a bitmap.
const WORD: usize = u64::BITS as usize;

/// Entries allocated at once.
const CHUNK: usize = 256;

/// An empty wheel keeps no more than so many chunks.
const CHUNKS_KEPT: usize = if cfg!(miri) { 2 } else { 64 };

/// How many entries are on their way from memory while one is taken.
const AHEAD: usize = 8;

/// An empty list of entries keeps room for no more than so many.
const LIST_KEPT: usize = 16;

/// The first slot of an empty wheel.
const NO_SLOT: Slot = Slot { place: Place { level: u16::MAX, slot: u16::MAX }, begin: NEVER };

/// No entry.
const NONE: u32 = u32::MAX;

const _: () = assert!(SLOTS.is_multiple_of(WORD) && SLOTS <= 1 << u16::BITS);

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    fn fired(wheel: &mut Wheel<u64>, now: u64) -> Vec<u64> {
        let mut fired = Vec::new();
        loop {
            match wheel.step(now) {
                Step::Due(value) => fired.push(value),
                Step::Moved => {}
                Step::Done => return fired,
            }
        }
    }

    #[test]
    fn entries_fire_at_their_tick_and_not_before_on_every_level() {
        let mut wheel = Wheel::new();
        let turn = SLOTS as u64;
        let ticks = [
            0,
            1,
            turn - 1,
            turn,
            turn + 1,
            turn * turn - 1,
            turn * turn,
            turn.pow(3) + 5,
            turn.pow(4) - 1,
            turn.pow(4) * 3 + 7,
        ];
        let _ = ticks.map(|tick| wheel.insert(tick, tick));
        for tick in ticks {
            if tick > 0 {
                assert_eq!(fired(&mut wheel, tick - 1), [], "before {tick}");
            }
            assert!(wheel.next() <= tick);
            assert_eq!(fired(&mut wheel, tick), [tick]);
        }
        assert_eq!((wheel.len(), wheel.next()), (0, NEVER));
    }

    #[test]
    fn what_is_due_has_no_next_tick_after_it() {
        let mut wheel = Wheel::new();
        assert_eq!(fired(&mut wheel, 1_000_000), []);
        wheel.insert(5, 5);
        assert_eq!(wheel.next(), 1_000_000);
        assert_eq!(fired(&mut wheel, 1_000_000), [5]);
    }

    #[test]
    fn entries_of_one_tick_fire_in_the_order_of_their_insertion() {
        let mut wheel = Wheel::new();
        for value in 0..100 {
            wheel.insert(7 + value / 50, value);
        }
        assert!(fired(&mut wheel, 8).into_iter().eq(0..100));
    }

    #[test]
    fn a_removed_entry_is_gone_and_its_key_names_no_other() {
        let mut wheel = Wheel::new();
        let key = wheel.insert(3, 3);
        assert_eq!(wheel.get(key), Some(&3));
        assert_eq!(wheel.remove(key), Some(3));
        let same_place = wheel.insert(3, 4);
        assert_ne!(key, same_place);
        assert_eq!((wheel.remove(key), wheel.get(key)), (None, None));
        assert_eq!(fired(&mut wheel, 3), [4]);
        assert_eq!(wheel.remove(same_place), None);
    }

    #[test]
    fn an_entry_that_is_reset_fires_at_its_new_tick_under_its_old_key() {
        let mut wheel = Wheel::new();
        let turn = SLOTS as u64;
        let key = wheel.insert(3, 1);
        assert_eq!(wheel.reset(key, turn * turn + 1), Some(&mut 1));
        assert_eq!(fired(&mut wheel, turn), []);
        assert_eq!(wheel.reset(key, turn + 2), Some(&mut 1));
        assert_eq!(fired(&mut wheel, turn + 1), []);
        assert_eq!((wheel.get(key), wheel.next()), (Some(&1), turn + 2));
        assert_eq!(fired(&mut wheel, turn + 2), [1]);
        assert_eq!(wheel.reset(key, turn + 9), None);
    }

    #[test]
    fn the_largest_ticks_stay_and_wait() {
        let mut wheel = Wheel::new();
        let key = wheel.insert(NEVER - 1, 1);
        wheel.insert(NEVER - 1, 2);
        assert_eq!(fired(&mut wheel, 1 << 40), []);
        assert_eq!(wheel.remove(key), Some(1));
        assert_eq!((wheel.len(), wheel.pop()), (1, Some(2)));
    }

    #[test]
    fn an_emptied_wheel_gives_its_memory_back() {
        let mut wheel = Wheel::new();
        let keys: Vec<_> =
            (0..CHUNK * (CHUNKS_KEPT + 1)).map(|n| wheel.insert(n as u64, n)).collect();
        assert_eq!(wheel.entries.chunks.len(), CHUNKS_KEPT + 1);
        for key in &keys {
            assert!(wheel.remove(*key).is_some());
        }
        assert_eq!((wheel.len(), wheel.entries.chunks.len()), (0, 0));
        wheel.insert(1, 1);
        assert!(keys.iter().all(|key| wheel.get(*key).is_none()));
    }

    /// A million operations on a wheel and on a map that is obviously right.
    #[test]
    fn the_wheel_fires_what_an_ordered_map_fires() {
        let seed = std::env::var("MOIRAI_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("seed {seed}");
        let mut random = seed | 1;
        let mut below = |n: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) % n
        };
        let (mut wheel, mut map, mut keys) = (Wheel::new(), BTreeMap::new(), Vec::new());
        let mut now = 0;
        let operations = if cfg!(miri) { 2_000 } else { 1_000_000 };
        for id in 0..operations {
            match below(8) {
                0..4 => {
                    let reach = [4, 1 << 9, 1 << 12, 1 << 18, 1 << 30, 1 << 38][below(6) as usize];
                    let tick = now + below(reach);
                    keys.push((wheel.insert(tick, id), tick, id));
                    map.insert((tick, id), ());
                }
                4..7 if !keys.is_empty() => {
                    let (key, tick, id) = keys.swap_remove(below(keys.len() as u64) as usize);
                    let there = map.remove(&(tick, id)).is_some();
                    assert_eq!(wheel.remove(key), there.then_some(id));
                }
                _ => {
                    let reach = [2, 1 << 5, 1 << 10, 1 << 16][below(4) as usize];
                    now += below(reach);
                    let later = map.split_off(&(now + 1, 0));
                    let due = mem::replace(&mut map, later);
                    let mut fired = fired(&mut wheel, now);
                    fired.sort_unstable();
                    let mut due: Vec<_> = due.into_keys().map(|(_, id)| id).collect();
                    due.sort_unstable();
                    assert_eq!(fired, due, "at {now}");
                }
            }
            assert_eq!(wheel.len(), map.len());
            assert!(map.first_key_value().is_none_or(|((tick, _), ())| wheel.next() <= *tick));
        }
    }
}
