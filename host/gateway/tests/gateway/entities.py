"""Holds discovery payloads against Home Assistant's own schemas: [[topic, payload], ...] on the standard input.

Home Assistant drops fields that it does not know; here they are an error, as nothing would come of them.
"""
import importlib
import json
import sys

import voluptuous as vol
from homeassistant.components.mqtt.discovery import MQTT_ORIGIN_INFO_SCHEMA


def check(topic, entity):
    module = importlib.import_module("homeassistant.components.mqtt." + topic.split("/")[1])
    MQTT_ORIGIN_INFO_SCHEMA(entity.pop("origin"))
    module.DISCOVERY_SCHEMA(dict(entity))
    # A light's is a choice between schemas by a name, of which this is the one that goes without.
    schema = getattr(module, "DISCOVERY_SCHEMA_BASIC", module.DISCOVERY_SCHEMA)
    parts = [part for part in getattr(schema, "validators", [schema]) if isinstance(part, vol.Schema)]
    assert parts, f"{topic}: a schema of another form"
    for part in parts:
        part.extend({}, extra=vol.PREVENT_EXTRA)(dict(entity))


wrong = 0
for topic, payload in json.load(sys.stdin):
    try:
        check(topic, json.loads(payload))
    except (vol.Invalid, KeyError) as error:
        wrong += 1
        print(f"{topic}: {error!r}: {payload}")
sys.exit(1 if wrong else 0)
