//! A connection to a broker, in either version of MQTT.

use std::io::Write;
use std::time::Duration;

use rumqttc::{AsyncClient, QoS, Transport, v5};
use tokio::sync::mpsc::Sender;
use xmap_compiler::codes::Code;
use xmap_compiler::diagnostic::{Diagnostic, Diagnostics, Place};

use crate::config::{MqttConfig, MqttVersion};

/// Messages that wait for the broker, and commands that wait for devices.
pub(super) const WAITING: usize = 512;
/// Bytes of a message.
const MOST_BYTES: usize = 64 << 10;
/// How often both sides make sure that the other one is there.
const ALIVE: Duration = Duration::from_secs(15);
/// The shortest and the longest rest before another try to connect.
const REST: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// News of the connection.
pub(super) enum News {
    Connected,
    Lost,
    Message(Message),
}

/// A message from the broker.
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    /// Whether the broker had kept it from before.
    pub(super) retain: bool,
}

/// The end that sends.
#[derive(Clone)]
pub(super) enum Wire {
    Three(AsyncClient),
    Five(v5::AsyncClient),
}

impl Wire {
    /// Starts a connection that comes again by itself; news of it go to `news`.
    pub(super) fn start(config: &MqttConfig, news: Sender<News>) -> Self {
        let (host, port) = config.broker.clone();
        let place = format!("{host}:{port}");
        let mut random = [0; 4];
        _ = getrandom::fill(&mut random);
        let id = format!("xmap-{}", xmap_compiler::map::hex(&random));
        let will = (format!("{}/gateway", config.prefix), "offline");
        let transport = match &config.tls {
            Some(tls) => Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(tls.clone())),
            None => Transport::Tcp,
        };
        match config.version {
            MqttVersion::Three => {
                let mut options = rumqttc::MqttOptions::new(id, host, port);
                options.set_keep_alive(ALIVE);
                options.set_clean_session(true);
                options.set_max_packet_size(MOST_BYTES, 4 * MOST_BYTES);
                options.set_last_will(rumqttc::LastWill::new(will.0, will.1, QoS::AtLeastOnce, true));
                options.set_transport(transport);
                if let Some((user, password)) = &config.login {
                    options.set_credentials(user, password);
                }
                let (client, events) = AsyncClient::new(options, WAITING);
                tokio::spawn(poll(Events::Three(Box::new(events)), news, place));
                Self::Three(client)
            }
            MqttVersion::Five => {
                let mut options = v5::MqttOptions::new(id, host, port);
                options.set_keep_alive(ALIVE);
                options.set_clean_start(true);
                options.set_max_packet_size(Some(4 * MOST_BYTES as u32));
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                options.set_last_will(v5::mqttbytes::v5::LastWill::new(will.0, will.1, qos, true, None));
                options.set_transport(transport);
                if let Some((user, password)) = &config.login {
                    options.set_credentials(user, password);
                }
                let (client, events) = v5::AsyncClient::new(options, WAITING);
                tokio::spawn(poll(Events::Five(Box::new(events)), news, place));
                Self::Five(client)
            }
        }
    }

    /// Subscribes to commands, which come at most once.
    pub(super) fn subscribe(&self, topic: String) {
        _ = match self {
            Self::Three(client) => client.try_subscribe(topic, QoS::AtMostOnce).is_ok(),
            Self::Five(client) => client.try_subscribe(topic, v5::mqttbytes::QoS::AtMostOnce).is_ok(),
        };
    }

    /// Sends a state, which the broker keeps. Returns whether there was room.
    pub(super) fn retain(&self, topic: &str, payload: &str) -> bool {
        let payload = payload.to_owned();
        match self {
            Self::Three(client) => client.try_publish(topic, QoS::AtLeastOnce, true, payload).is_ok(),
            Self::Five(client) => {
                client.try_publish(topic, v5::mqttbytes::QoS::AtLeastOnce, true, payload).is_ok()
            }
        }
    }

    /// Sends what is of the moment.
    pub(super) fn say(&self, topic: String, payload: String) {
        _ = match self {
            Self::Three(client) => client.try_publish(topic, QoS::AtMostOnce, false, payload).is_ok(),
            Self::Five(client) => {
                client.try_publish(topic, v5::mqttbytes::QoS::AtMostOnce, false, payload).is_ok()
            }
        };
    }
}

/// The end that receives.
enum Events {
    Three(Box<rumqttc::EventLoop>),
    Five(Box<v5::EventLoop>),
}

impl Events {
    /// Waits for the next event; `None` is one that is nobody's business.
    async fn next(&mut self) -> Result<Option<News>, String> {
        match self {
            Self::Three(events) => {
                use rumqttc::{Event, Packet};
                Ok(match events.poll().await.map_err(|error| error.to_string())? {
                    Event::Incoming(Packet::ConnAck(_)) => Some(News::Connected),
                    Event::Incoming(Packet::Publish(of)) => Some(News::Message(Message {
                        topic: of.topic,
                        payload: of.payload.to_vec(),
                        retain: of.retain,
                    })),
                    _ => None,
                })
            }
            Self::Five(events) => {
                use v5::{Event, mqttbytes::v5::Packet};
                Ok(match events.poll().await.map_err(|error| error.to_string())? {
                    Event::Incoming(Packet::ConnAck(_)) => Some(News::Connected),
                    Event::Incoming(Packet::Publish(of)) => Some(News::Message(Message {
                        topic: String::from_utf8_lossy(&of.topic).into_owned(),
                        payload: of.payload.to_vec(),
                        retain: of.retain,
                    })),
                    _ => None,
                })
            }
        }
    }
}

/// Keeps the connection going.
async fn poll(mut events: Events, news: Sender<News>, place: String) {
    let mut rest = REST.0;
    let mut warned = false;
    loop {
        match events.next().await {
            Ok(Some(News::Connected)) => {
                (rest, warned) = (REST.0, false);
                _ = news.send(News::Connected).await;
            }
            // A flood of commands is not kept.
            Ok(Some(message)) => _ = news.try_send(message),
            Ok(None) => {}
            Err(error) => {
                _ = news.send(News::Lost).await;
                if !std::mem::replace(&mut warned, true) {
                    let message = format!("{place}: not connected: {error}");
                    let warning = Diagnostic::warning(Code::NoBroker, Place::File(place.clone()), message);
                    _ = writeln!(std::io::stderr(), "{}", Diagnostics(vec![warning]).render(false));
                }
                tokio::time::sleep(rest).await;
                rest = (rest * 2).min(REST.1);
            }
        }
    }
}
