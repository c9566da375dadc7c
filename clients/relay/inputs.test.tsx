// @vitest-environment happy-dom
// @vitest-environment-options {"settings": {"fetch": {"disableSameOriginPolicy": true}}}
import { waitFor } from "@testing-library/react";
import { commitMutation, graphql, type GraphQLTaggedNode, type Variables } from "relay-runtime";
import { expect, test } from "vitest";
import { sample } from "../profileql";
import updateMutation, { type InterestUpdateMutation$variables } from "./__generated__/InterestUpdateMutation.graphql";
import type { inputsLooseMutation$variables } from "./__generated__/inputsLooseMutation.graphql";
import { createEnvironment } from "./environment";
import { MyInterests } from "./MyInterests";
import { interest, press, show, signIn, stored } from "./testing";

function commit<T extends Variables>(mutation: GraphQLTaggedNode, variables: T) {
  const environment = createEnvironment(signIn().session);
  return new Promise<void>((resolve, reject) => {
    commitMutation(environment, { mutation, variables, onCompleted: () => resolve(), onError: reject });
  });
}

const storedSample = async () => (await stored()).find((item) => item.itemId === sample);

test("what the app leaves out keeps its value, and null clears it", async () => {
  const before = await storedSample();
  show(<MyInterests first={100} />);
  await press(await interest("Chess"), "No description");
  await waitFor(async () => expect(await storedSample()).toEqual({ ...before, description: null }));
});

test.each([
  [{ displayName: "Go", description: undefined }, { displayName: "Go" }],
  [{ description: null }, { description: null }],
  [{ categories: null }, { categories: null }],
  [{ description: "", categories: [] }, { description: "", categories: [] }],
])("the patch %j changes just that", async (patch, changed) => {
  const before = await storedSample();
  await commit<InterestUpdateMutation$variables>(updateMutation, { input: { id: sample, patch } });
  expect(await storedSample()).toEqual({ ...before, ...changed });
});

test("a variable that is left out is null to Relay, so a patch has to be one variable", async () => {
  const mutation = graphql`
    mutation inputsLooseMutation($id: ID!, $displayName: String, $description: String) {
      updatePersonInterest(input: { id: $id, patch: { displayName: $displayName, description: $description } }) {
        personInterest {
          id
        }
      }
    }
  `;
  await commit<inputsLooseMutation$variables>(mutation, { id: sample, displayName: "Go" });
  expect(await storedSample()).toMatchObject({ displayName: "Go", description: null });
});
