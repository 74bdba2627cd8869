"""Salesforce passes the suite that every connector passes."""

from __future__ import annotations

from connectors.salesforce import Salesforce
from connectors.salesforce.sandbox import SalesforceSandbox
from hub.connect.conformance import ConnectorTests, Sample
from hub.connect.sandbox import Request
from tests.contract.salesforce_world import KEY

PERSON = {
    "FirstName": "Ana",
    "LastName": "Díaz",
    "Email": "ana@example.org",
    "MobilePhone": "+34 600 100 200",
    "LeadSource": "Web",
    "DoNotCall": True,
    "Description": "Met at the fair",
}


class TestSalesforce(ConnectorTests):
    connector, sandbox = Salesforce, SalesforceSandbox
    page_options, page_size = {"page_size": 200}, 200
    samples = {
        "Contact": Sample(
            create={**PERSON, "Title": "Buyer", "Birthdate": "1980-02-29", "Tags__c": "customer;vip"},
            edit={"FirstName": "Eva", "DoNotCall": False, "Tags__c": "press"},
            clear="MobilePhone",
            text_field="Description",
            find_by=("Email", "MobilePhone", "LastName"),
            key_field=KEY,
            reject={
                "Email": "nonsense",
                "LeadSource": "Carrier Pigeon",
                "FirstName": "x" * 41,
                "AccountId": "nonsense",
            },
            required=("LastName",),
            missing_id="003000000ZZZZZZAAA",
        ),
        "Account": Sample(
            create={
                "Name": "Acme",
                "Website": "https://acme.example",
                "Phone": "+49 30 1234",
                "Industry": "Technology",
                "AnnualRevenue": 1250000.5,
                "NumberOfEmployees": 12,
            },
            edit={"Name": "Acme SE", "AnnualRevenue": 0, "NumberOfEmployees": 13},
            clear="Website",
            text_field="Description",
            find_by=("Name", "Phone"),
            key_field=KEY,
            reject={"Industry": "Alchemy", "NumberOfEmployees": "many"},
            required=("Name",),
            missing_id="001000000ZZZZZZAAA",
        ),
        "Lead": Sample(
            create={**PERSON, "Company": "Acme", "Status": "Open"},
            edit={"LastName": "García", "Status": "Working"},
            clear="Email",
            text_field="Description",
            find_by=("Email", "LastName"),
            key_field=KEY,
            reject={"Status": "Dreaming"},
            required=("LastName", "Company"),
            missing_id="00Q000000ZZZZZZAAA",
        ),
    }

    def is_write(self, request: Request) -> bool:
        """Reads by id are sent by POST; composite calls write."""
        reads = request.method == "POST" and "/composite/sobjects/" in request.path
        return not reads and super().is_write(request)
