// What all tests share. On a busy machine a page may take its time: only a test that hangs is to fail for it.
import { configure } from "@testing-library/react";
import { patience } from "./profileql";

// Whether each element can be seen is computed from its styles and those of all around it, which takes a simulated DOM
// seconds for a long list. Nothing is hidden in these tests.
configure({ asyncUtilTimeout: patience, defaultHidden: true });
