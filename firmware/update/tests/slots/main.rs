//! Two firmwares on a model of a card.

mod card;
mod cuts;
mod fat;
