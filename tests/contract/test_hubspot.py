"""The HubSpot connector passes the suite that every connector passes."""

from __future__ import annotations

from connectors.hubspot import HubSpot
from connectors.hubspot.sandbox import HubSpotSandbox
from hub.connect.conformance import ConnectorTests, Sample

CONTACT = Sample(
    create={"email": "ana@example.org", "firstname": "Ana", "lastname": "Díaz", "phone": "+34 600 100 200"},
    edit={"firstname": "Eva", "phone": "+34 600 100 201"},
    clear="phone",
    text_field="lastname",
    find_by="email",
    key_field="accordant_id",
    reject={"email": "no address", "tags": "no such tag"},
    missing_id="999999999",
)
COMPANY = Sample(
    create={"name": "Acme", "domain": "acme.example", "city": "Berlin", "annualrevenue": "1250000.50"},
    edit={"city": "Köln", "annualrevenue": "0.1"},
    clear="city",
    text_field="description",
    find_by="domain",
    key_field="accordant_id",
    reject={"industry": "Circus", "numberofemployees": "a dozen"},
    missing_id="999999999",
)


class TestHubSpot(ConnectorTests):
    connector, sandbox = HubSpot, HubSpotSandbox
    samples = {"contacts": CONTACT, "companies": COMPANY}


class TestHubSpotByOAuth(ConnectorTests):
    connector, sandbox = HubSpot, HubSpotSandbox
    samples = {"contacts": CONTACT}

    def open_sandbox(self, clock):
        return HubSpotSandbox(clock=clock.now, auth="oauth")


class TestHubSpotByOlderAddresses(ConnectorTests):
    connector, sandbox = HubSpot, HubSpotSandbox
    samples = {"contacts": CONTACT}

    def make(self, connection, config, context, sandbox):
        return HubSpot(connection, {**config, "api_version": "v3"}, context)
